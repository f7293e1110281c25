"""The fixed evaluation set: photos, windows and mappings that every measurement uses.

    python -m benchmarks.quality.cases [--side 512]

takes the checkout's photos and the held-out ones through the factory's own ingest, perceive and map
and keeps a fixed number of mappings a tool. Writes ``cases-<side>.json`` beside this file.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quality import photos
from flows.trial import limit_params, run_stages
from stages.catalogue import build_stage, parse_params, read_params
from stages.engine.files import canonical_json, write_atomically
from stages.engine.provenance import stage_digest
from stages.engine.stage import BaseParams
from stages.engine.workspace import FactoryError, Workspace
from stages.map.params import MapParams
from stages.map.policy import plan
from stages.map.sites import Atlas
from stages.records.documents import TOOLS, Document, Scene, Tool, Variant, Window
from stages.records.grid import indices

FOLDER = Path("data/.quality")
"""Default folder of everything that these measurements keep; git ignores it."""
SIDE = 384
COUNT = 13
"""Mappings a tool: four tools make 52, enough for 50 pairwise looks."""
HELD_OUT = 40
"""Photos out of the shards that are looked through."""
VARIANTS = 8
"""Mappings drawn a photo, of which few are kept."""


class Sides(Document):
    """fuse: tokens of the two that meet; both lists may share some."""

    part: list[int]
    other: list[int]


class Case(Document):
    """One window of one photo with its mappings."""

    photo: str
    """As `photos.read` takes it."""
    key: str
    """First 16 hex digits of the sha256 of the photo's file."""
    window: Window
    variants: list[Variant]
    sides: dict[str, Sides]
    """fuse variant to its two sides."""

    @property
    def name(self) -> str:
        """Unique in the set, fit for a file name."""
        return f"{self.key}-{self.window.id}"


class EvaluationSet(Document):
    """All windows; variant ids are unique within a photo."""

    side: int
    cases: list[Case]

    def __iter__(self) -> Iterator[Case]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return iter(self.cases)


@dataclass(frozen=True)
class Drawn:
    """One mapping on offer."""

    photo: str
    scene: Scene
    variant: Variant


def path_of(side: int) -> Path:
    """Where the set of that window side lies."""
    return Path(__file__).with_name(f"cases-{side}.json")


def load(side: int = SIDE, tools: Collection[Tool] = TOOLS) -> EvaluationSet:
    """The set as it was written, with the mappings of these tools.

    Raises:
        FileNotFoundError: there is none of that side.
    """
    whole = EvaluationSet.model_validate_json(path_of(side).read_text(encoding="utf-8"))
    kept = []
    for case in whole:
        variants = [variant for variant in case.variants if variant.tool in tools]
        if variants:
            kept.append(case.model_copy(update={"variants": variants}))
    return EvaluationSet(side=side, cases=kept)


def scenes(names: list[str], shards: Path, kept: Path, side: int) -> Iterator[tuple[str, Scene]]:
    """What the factory perceives in the photos; those it rejects are left out. Kept in a folder."""
    values = read_params(Workspace.find().root)
    params = parse_params({**values, "perceive": {**values["perceive"], "window": side}})
    stages = [build_stage(name, params) for name in ("ingest", "perceive")]
    for stage in stages:
        stage.setup()
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            path = kept / f"{stage_digest(stages[1])[:12]}" / f"{Path(name).name}.json"
            if not path.is_file():
                try:
                    photo = photos.on_disk(name, shards, Path(folder))
                    document = run_stages(photo, stages).outputs["perceive"].document
                    write_atomically(path, document.model_dump_json().encode())
                except FactoryError as problem:
                    print(f"{name}: {problem}", file=sys.stderr)
                    write_atomically(path, b"")
            if data := path.read_bytes():
                yield name, Scene.model_validate_json(data)


def draw(found: Iterable[tuple[str, Scene]]) -> list[Drawn]:
    """Every mapping the factory's map stage draws in the scenes, all tools alike."""
    values = read_params(Workspace.find().root)
    values["map"] = {**values["map"], "weights": dict.fromkeys(TOOLS, 1.0)}
    params = limit_params(values, None, VARIANTS)
    section, base = params["map"], params["base"]
    assert isinstance(section, MapParams) and isinstance(base, BaseParams)  # noqa: S101
    return [
        Drawn(name, scene, variant)
        for name, scene in found
        for variant in plan(scene, section, base.seed)[0]
    ]


def choose(offered: list[Drawn], count: int) -> list[Drawn]:
    """`count` mappings a tool: kernels evenly, photos as different as can be, shards by turns."""
    chosen: list[Drawn] = []
    uses: Counter[tuple[str, str]] = Counter()
    left = list(offered)
    for tool in TOOLS * count:
        open_ = [drawn for drawn in left if drawn.variant.tool == tool]
        if open_:
            best = min(open_, key=lambda drawn: [uses[trait] for trait in _traits(drawn)])
            left.remove(best)
            chosen.append(best)
            uses.update(_traits(best))
    return chosen


def _traits(drawn: Drawn) -> list[tuple[str, str]]:
    """What the choice spreads over, first things first."""
    kept = drawn.variant
    origin = "shards" if ".tar/" in drawn.photo else "checkout"
    of_tool = [(kept.tool, what) for what in (kept.kernel, drawn.photo, origin)]
    return [*of_tool, ("any", drawn.photo), (kept.tool, kept.part_kind)]


def grouped(chosen: list[Drawn]) -> list[Case]:
    """The chosen mappings by photo and window, in the photos' order."""
    windows: dict[tuple[str, str], list[Drawn]] = {}
    for drawn in sorted(chosen, key=lambda drawn: (drawn.photo, drawn.variant.id)):
        windows.setdefault((drawn.photo, drawn.variant.window), []).append(drawn)
    return [_case(name, items) for (name, _), items in windows.items()]


def _case(name: str, items: list[Drawn]) -> Case:
    scene, variants = items[0].scene, [item.variant for item in items]
    window = next(w for w in scene.windows if w.id == variants[0].window)
    atlas, sides = Atlas(scene), {}
    for variant in variants:
        if variant.other is not None:
            part, other = (indices(atlas.on(x, window)) for x in (variant.part, variant.other))
            sides[variant.id] = Sides(part=part.tolist(), other=other.tolist())
    return Case(photo=name, key=scene.key, window=window, variants=variants, sides=sides)


def arguments(description: str) -> argparse.ArgumentParser:
    """What every command of this folder takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--side", type=int, default=SIDE, help="of a window, in pixels")
    parser.add_argument("--shards", type=Path, default=photos.SHARDS)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of what is kept")
    return parser


def drawing_arguments(description: str) -> argparse.ArgumentParser:
    """What the commands take that draw mappings."""
    parser = arguments(description)
    parser.add_argument("--photos", nargs="*", default=(), metavar="FILE", help="only these")
    return parser


def offered(given: argparse.Namespace) -> list[Drawn]:
    """Every mapping that the factory draws in the photos looked through."""
    names = photos.in_checkout() + photos.held_out(given.shards)[:HELD_OUT]
    names = photos.named(names, given.photos)
    return draw(scenes(names, given.shards, given.folder / "scenes", given.side))


def _lines(found: EvaluationSet) -> bytes:
    """JSON with a line a case."""
    cases = b",\n".join(canonical_json(case.model_dump(mode="json")) for case in found)
    return b'{"side":%d,"cases":[\n%s\n]}\n' % (found.side, cases)


def main() -> None:
    """Write the set."""
    parser = drawing_arguments("Draw the fixed evaluation set.")
    parser.add_argument("--count", type=int, default=COUNT, help="mappings a tool")
    given = parser.parse_args()
    chosen = choose(offered(given), given.count)
    found = EvaluationSet(side=given.side, cases=grouped(chosen))
    write_atomically(path_of(given.side), _lines(found))
    tools = Counter(drawn.variant.tool for drawn in chosen)
    print(f"{len(found.cases)} windows of {len({c.photo for c in found})} photos, {dict(tools)}")


if __name__ == "__main__":
    main()
