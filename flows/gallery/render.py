"""Write the gallery: a page that works from ``file://``, without a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flows.console import console
from flows.gallery import packaged, refused
from flows.gallery.changes import Changes, compare_with_last
from flows.gallery.drawing import Places, Report, draw_all
from flows.gallery.images import Pictures
from flows.gallery.index import CHANGES, PART_SIZES, ItemIndex, script
from flows.gallery.rejects import count_stages, list_rejects, write_rejects
from stages import STAGES
from stages.engine.files import write_atomically
from stages.engine.storage.tables import MANIFEST, PHOTOS, output_digest
from stages.engine.workspace import Workspace

TEMPLATE = Path(__file__).with_name("template")
_PIXELS = ".artifact.png"


def write_gallery(
    workspace: Workspace, out: Path | None = None, stages: Sequence[str] = STAGES
) -> Path:
    """Write the gallery of a checkout, with what changed since the last version; show progress.

    Returns and raises what `render` does.
    """
    with console.status("comparing with the last version") as status:
        changes = compare_with_last(workspace) if "package" in stages else Changes()
        status.update("writing the gallery")
        return render(
            workspace.data,
            out or workspace.data / "gallery",
            stages,
            changes=changes,
            report=lambda done: status.update(f"writing the gallery: {done} pairs drawn"),
        )


def render(
    data: Path,
    out: Path,
    stages: Sequence[str] = STAGES,
    changes: Changes | None = None,
    report: Report = lambda done: None,
) -> Path:
    """Write the page for the stages' outputs; return its ``index.html``.

    Memory is bounded: tables are read in batches and pictures a few at a time. Pictures that the
    folder has already are not drawn again.

    Args:
        data: the data folder.
        out: folder of the page.
        stages: stages to show. Those that did not run are left out, so a failed build has a page
            too; for it, they are those up to the failed one, since later outputs are those of an
            earlier build.
        changes: what changed since the last version.
        report: receives the number of pairs whose pictures are drawn.

    Raises:
        FactoryError: an output is of another schema version, incomplete or damaged.
    """
    changes = changes or Changes()
    pictures, places = Pictures(out / "images"), Places(out / "places.parquet")
    package = data / "package"
    found = refused.find_refused(data) if "filter" in stages else []
    shown = "package" in stages
    _draw_missing(package if shown else None, found, pictures, places, report)

    index = ItemIndex(out / "data", changes.codes)
    pairs = packaged.read_pairs(package) if shown else iter(())
    for item in packaged.make_items(pairs, places, _read_pixels(data)):
        index.add(item)
    for item in refused.make_items(found, data, places):
        index.add(item)
    index.close()
    places.save()

    content = {
        **_describe(index),
        "stages": count_stages(data, stages),
        "rejects": write_rejects(out / "data", list_rejects(data, stages)),
        "changes": {
            "version": changes.version, "summary": changes.summary, "tables": changes.tables,
        },
        "review": {"data_set": _review_key(data) if index.pixels else ""},
    }  # fmt: skip
    write_atomically(out / "data" / "meta.js", script("meta", 0, content))
    for source in sorted(TEMPLATE.iterdir()):
        write_atomically(out / source.name, source.read_bytes())
    pictures.remove_unused()
    return out / "index.html"


def _draw_missing(
    package: Path | None,
    found: list[refused.Refused],
    pictures: Pictures,
    places: Places,
    report: Report,
) -> None:
    """Draw what is missing of the pairs in `package` and of refused variants."""
    if package:
        needed = packaged.find_undrawn(package, pictures, places)
        draw_all(packaged.find_jobs(package, needed), pictures, places, report)
    missing = [v for v in found if pictures.use(*v.names) or v.names[1] not in places]
    draw_all(map(refused.make_job, missing), pictures, places, report)


def _read_pixels(data: Path) -> packaged.Pixels:
    """Return photo key and variant to the sha256 of the flaw's pixels as inject rendered them;
    empty if inject's output is not here."""
    path = data / "inject" / PHOTOS
    if not path.is_file():
        return {}
    found: dict[tuple[str, str], str] = {}
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(1000, columns=["key", "places"]):
            for key, places in zip(*map(_values, batch.columns), strict=True):
                for name, place in json.loads(places).items():
                    if name.endswith(_PIXELS):
                        found[key, name.removesuffix(_PIXELS)] = place[2]
    return found


def _values(column: pa.Array) -> list[str]:
    return column.to_pylist()


def _review_key(data: Path) -> str:
    """Return the digest of the data set that a reviewer's marks name; empty before the filter."""
    folder = data / "filter"
    return output_digest(folder) if (folder / MANIFEST).is_file() else ""


def _describe(index: ItemIndex) -> dict[str, Any]:
    return {
        "count": index.count,
        "accepted": index.accepted,
        "flaws": index.flaws,
        "names": {name: codes.names() for name, codes in index.codes.items()} | {
            "change": list(CHANGES)
        },
        "parts": PART_SIZES,
    }  # fmt: skip
