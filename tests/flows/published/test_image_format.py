"""Everything that reads a data set reads one with WebP pictures, and sees the same pixels."""

from pathlib import Path

import pytest
from exporting import export
from published_set import write_set

from flows.comparison.pictures import read_pairs
from flows.comparison.versions import open_version
from flows.contact_sheet import contact_sheet
from flows.gallery.collect import accepted_pairs
from flows.gallery.images import Pictures
from flows.published.verify import verify_copy
from stages.engine.storage.tables import read_table
from stages.engine.workspace import Workspace


@pytest.fixture(scope="module")
def webp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("webp") / "data" / "package"
    return write_set(folder, image_format="webp")


def read_files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_a_set_of_webp_is_verified(webp: Path) -> None:
    pairs = len({row["pair"] for row in read_table(webp / "manifest.parquet")})
    assert verify_copy(str(webp)) == (pairs, [])


@pytest.mark.parametrize("name", ["coco", "huggingface"])
def test_exports_of_both_formats_are_the_same(
    name: str, webp: Path, original: Path, tmp_path: Path
) -> None:
    found = [
        read_files(export(name, source, tmp_path / source.parent.name))
        for source in (webp, original)
    ]
    assert found[0] == found[1] and len(found[0]) > 1


def test_gallery_contact_sheet_and_comparison_show_it(
    webp: Path, original: Path, tmp_path: Path
) -> None:
    shown = list(accepted_pairs(webp.parent, Pictures(tmp_path / "images")))
    assert len(shown) == len({row["pair"] for row in read_table(webp / "manifest.parquet")})
    assert contact_sheet(Workspace(webp.parents[1])).startswith("data:image/jpeg")
    key = shown[0]["id"]
    (_, first), (_, second) = (
        next(read_pairs(open_version(None, str(folder)), [key])) for folder in (webp, original)
    )
    assert (first.picture == second.picture).all()
