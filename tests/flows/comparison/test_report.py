import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
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


HOSTILE = "<script>x</script>|\n`![](//a)`\x1b[2J"


def mark(folder: Path, name: str) -> Path:
    """Write a set of one photo whose manifest has a hostile name."""
    write_set(folder, KEYS[:1])
    rows = read_table(folder / "manifest.parquet")
    write_rows(folder / "manifest.parquet", [row | {"entity": f"{HOSTILE}{name}"} for row in rows])
    return folder


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    from flows.comparison.page import make_page

    folders = mark(tmp_path / "a", "a"), mark(tmp_path / "b", "b")
    page = make_page(make_report(*(open_version(None, str(f)) for f in folders)), 0).decode()
    assert "<script>" not in page and "&lt;script&gt;x" in page
    assert "\x1b" not in run(*folders).output
    text = run(*folders, "--markdown").output
    (line,) = [line for line in text.splitlines() if line.startswith("| entity")]
    assert "<script>" not in line and "\\|" in line and "!\\[\\]" in line and "\x1b" not in line


@pytest.mark.slow
def test_a_hostile_reason_is_only_text(tmp_path: Path) -> None:
    before = write_set(tmp_path / "before", KEYS[:2])
    write_set(tmp_path / "data" / "package", KEYS[1:2])
    reject = {"key": KEYS[0], "variant": "", "code": "odd", "evidence": ""}
    message = {"message": "<img src=x onerror=alert(1)>"}
    write_rows(tmp_path / "data" / "filter" / "rejects.parquet", [reject | message])
    page = tmp_path / "page.html"
    assert run(before, tmp_path / "data", "--html", page).exit_code == 0
    assert "<img src=x" not in page.read_text() and "&lt;img src=x" in page.read_text()


def test_unrelated_data_sets_are_called_so(tmp_path: Path) -> None:
    sets = write_set(tmp_path / "a", KEYS[:2]), write_set(tmp_path / "b", KEYS[2:4])
    text = " ".join(run(*sets).output.split())
    assert "no photo is in both" in text and "0 changed, 0 unchanged" in text


def test_an_empty_data_set_is_a_version(tmp_path: Path) -> None:
    full, empty = write_set(tmp_path / "full", KEYS[:1]), tmp_path / "empty"
    schema = pq.read_schema(full / "manifest.parquet")
    empty.mkdir()
    pq.write_table(schema.empty_table(), empty / "manifest.parquet")
    (tmp_path / "older").mkdir()
    pq.write_table(pa.table({}), tmp_path / "older" / "manifest.parquet")
    for other in (empty, tmp_path / "older"):
        assert "0 added, 3 removed" in " ".join(run(full, other).output.split())
        assert "3 added, 0 removed" in " ".join(run(other, full).output.split())
        assert "0 added, 0 removed" in " ".join(run(other, other).output.split())


def test_a_corrupt_manifest_is_one_line(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "a", KEYS[:2])
    manifest = folder / "manifest.parquet"
    data = bytearray(manifest.read_bytes())
    data[4 : len(data) // 3] = bytes(len(data) // 3 - 4)
    manifest.write_bytes(data)
    done = run(folder, folder)
    assert done.exit_code == 2 and "manifest.parquet of" in done.output
    assert "is damaged" in done.output and "Traceback" not in done.output


@pytest.mark.slow
def test_a_damaged_shard_is_one_line(tmp_path: Path) -> None:
    sets = write_set(tmp_path / "a", KEYS[:1]), write_set(tmp_path / "b", KEYS[1:2])
    (shard,) = sets[0].glob("*.tar")
    shard.write_bytes(shard.read_bytes()[:2000])
    done = run(*sets, "--html", tmp_path / "page.html")
    assert done.exit_code == 2 and "damaged" in done.output
    assert not (tmp_path / "page.html").exists()


def test_stages_differ_in_metrics_gates_and_sizes(tmp_path: Path) -> None:
    versions = []
    for number, name in enumerate(("a", "b")):
        folder = write_set(tmp_path / name, KEYS[:1])
        gate = {"max_reject_rate": 0.5 + number / 10}
        entry = {"params": {"params.yaml": {"filter": {"gate": gate}}}}
        entry |= {"outs": [{"path": "data/filter", "size": 1000 + number, "nfiles": 6}]}
        (folder / "lock.json").write_text(json.dumps({"filter": entry}))
        numbers = {"variants_accepted": number, "lpips_mask.mean": 0.5, "tool.add": number}
        versions.append(Measured(name, Locked(folder, True, None), numbers))
    found = [(d.kind, d.name, d.before, d.after) for d in make_report(*versions).numbers_of_stages]
    assert found == [
        ("metric", "variants_accepted", "0", "1"),
        ("threshold", "max_reject_rate", "0.5", "0.6"),
        ("size", "size", "1,000", "1,001"),
    ]


@dataclass(frozen=True)
class Measured(Version):
    """A version with metrics of filter."""

    numbers: dict[str, float]

    def metrics(self, stage):
        return self.numbers if stage == "filter" else {}


def test_a_version_without_columns_about_people_is_compared(
    sets: tuple[Path, Path], tmp_path: Path
) -> None:
    """As older manifests are; no pair is removed, so that no row is left to settle."""
    ours = {"verdict_by", "judge_verdict", "accepted_by", "rejected_by", "pixels_sha256"}
    old = tmp_path / "old"
    shutil.copytree(sets[0], old)
    table = pq.read_table(old / "manifest.parquet")
    pq.write_table(table.drop_columns(sorted(ours)), old / "manifest.parquet")
    for pair in ((old, sets[0]), (sets[0], old), (old, sets[1]), (sets[1], old)):
        report = make_report(*(open_version(None, str(folder)) for folder in pair))
        assert ours <= set(report.changes.lone_columns)
        assert not any(
            fate.accepted_by_people
            for found in (report.added, report.removed)
            for fate in found.counts
        )
