import json
from pathlib import Path

import numpy as np
import pytest
from published_set import KEYS, write_set
from tables import write_rows
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.comparison.report import make_report, to_json
from flows.comparison.versions import FolderFiles, Version, open_version
from stages.engine.storage.tables import read_table

NAMES = ("changed", "removed", "added")


def darken(name, parts):
    edit, flaw = parts["edit"][..., None], parts["artifact"]
    parts["artifact"] = np.where(edit, flaw // 2, flaw)


class Locked(FolderFiles):
    """A packaged set with a dvc.lock."""

    def lock(self):
        return json.loads((self.folder / "lock.json").read_text())


def version(folder: Path, rho: float) -> Version:
    params = {"params.yaml": {"inject": {"rho": rho}}}
    (folder / "lock.json").write_text(json.dumps({"inject": {"params": params}}))
    return Version(folder.name, Locked(folder, True, None))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Photo 0 is in the first only, photo 11 in the second only, the flaws are darker there."""
    folder = tmp_path_factory.mktemp("sets")
    first = write_set(folder / "first", KEYS[:-1])
    return first, write_set(folder / "second", KEYS[1:], spoil=darken)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["diff", *map(str, arguments)])


def test_the_report_says_what_changed_and_why(sets: tuple[Path, Path]) -> None:
    found = to_json(make_report(version(sets[0], 0.0), version(sets[1], 0.5)))
    assert [key.split("-")[0] for key in found["added"]] == [KEYS[11]] * 2
    assert [key.split("-")[0] for key in found["removed"]] == [KEYS[0]] * 3
    assert set(map(tuple, found["changed"].values())) == {("picture",)}
    reasons = {line["what"]: line["why"] for line in found["reasons"]}
    assert reasons["picture changed"] == "inject.rho: 0.0 -> 0.5"
    assert found["moved"] == {"inject": ["inject.rho: 0.0 -> 0.5"]}
    assert found["same"] == 0 and found["pairs"] == [28, 27]


def test_lost_flaws_are_traced_to_the_stage_that_lost_them(
    sets: tuple[Path, Path], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    (tmp_path / "data").mkdir()
    (data / "package").symlink_to(sets[1])
    rejects = {"key": KEYS[0], "message": "", "evidence": ""}
    write_rows(data / "ingest" / "photos.parquet", [{"key": key} for key in KEYS])
    write_rows(
        data / "map" / "manifest.parquet",
        [{"key": KEYS[0], "variant": variant} for variant in ("v0", "v1")],
    )
    write_rows(
        data / "filter" / "rejects.parquet", [rejects | {"variant": "v0", "code": "improbable"}]
    )
    write_rows(
        data / "explain" / "rejects.parquet", [rejects | {"variant": "", "code": "internal_error"}]
    )
    report = make_report(open_version(None, str(sets[0])), open_version(None, str(data)))
    assert {(f.stage, f.reason): n for f, n in report.removed.counts.items()} == {
        ("filter", "improbable"): 1,
        ("explain", "internal_error"): 1,
        ("map", "not_drawn"): 1,
    }


def test_the_command_prints_tables_markdown_and_json(sets: tuple[Path, Path]) -> None:
    table = run(*sets)
    assert table.exit_code == 0, table.output
    assert "2 added, 3 removed, 25 changed, 0 unchanged" in " ".join(table.output.split())
    assert "| picture changed | 25 |" in run(*sets, "--markdown").output
    assert json.loads(run(*sets, "--json").output)["columns"]["sha256.artifact.png"] == 30
    same = " ".join(run(sets[0], sets[0]).output.split())
    assert "0 added, 0 removed, 0 changed, 28 unchanged" in same


@pytest.mark.slow
def test_the_page_shows_changed_pairs_side_by_side(sets: tuple[Path, Path], tmp_path: Path) -> None:
    done = run(*sets, "--html", tmp_path / "page.html", "--pictures", 2)
    assert done.exit_code == 0, done.output
    page = (tmp_path / "page.html").read_text()
    changed, removed, added = (page.count(f"<h2>{name} pairs") for name in NAMES)
    assert (changed, removed, added) == (1, 1, 1)
    # Two changed pairs on both sides, two removed and two added ones, each with its mask.
    assert page.count("data:image/webp;base64,") == 2 * (2 * 2 + 2 + 2)
    assert "LPIPS" in page and "http://" not in page and "https://" not in page


def test_markup_in_texts_is_escaped(tmp_path: Path) -> None:
    from flows.comparison.page import make_page

    names = []
    for name in ("a", "b"):
        folder = write_set(tmp_path / name, KEYS[:1])
        rows = read_table(folder / "manifest.parquet")
        marked = [row | {"entity": f"<script>{name}</script>"} for row in rows]
        write_rows(folder / "manifest.parquet", marked)
        names.append(open_version(None, str(folder)))
    page = make_page(make_report(*names), 0).decode()
    assert "<script>" not in page and "&lt;script&gt;a" in page
