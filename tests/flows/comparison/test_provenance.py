import copy

import pytest
from published_set import PROVENANCE, write_set

from flows.comparison.causes import find_moves, refine_moves
from flows.comparison.moves import Move
from flows.comparison.provenance import compare_provenance
from flows.comparison.report import list_changes, make_report
from flows.comparison.versions import open_version
from stages import STAGES

FILE = PROVENANCE.as_file().model_dump(mode="json")


def change(edit):
    after = copy.deepcopy(FILE)
    edit(after, {stage["stage"]: stage for stage in after["stages"]})
    return compare_provenance(FILE, after)


def said(moves, stage):
    return [str(move) for move in moves[stage]]


def test_what_is_the_same_has_not_moved():
    assert change(lambda file, stages: None) == dict.fromkeys(STAGES, ())


def test_params_of_results_and_of_the_layout_move():
    def edit(file, stages):
        stages["map"]["params"]["variants"] = 8
        stages["map"]["layout"]["quotas"] = {"add": 0.5}

    assert said(change(edit), "map") == [
        "map.quotas.add: not set -> 0.5", "map.variants: 4 -> 8",
    ]  # fmt: skip


def test_the_seed_moves_every_stage():
    moves = change(lambda file, stages: file.update(seed="1"))
    assert all(said(moves, stage) == ["base.seed: 0 -> 1"] for stage in STAGES)


def test_files_and_prompts_are_named_and_many_files_are_counted():
    def edit(file, stages):
        stages["map"]["files"] |= {
            "stages/map/stage.py": "5" * 40,
            "stages/models/a/ask.md": "6" * 40,
        }
        stages["inject"]["files"] = {f"stages/inject/{n}.py": "7" * 40 for n in range(4)}

    moves = change(edit)
    assert said(moves, "map") == ["code stages/map/stage.py", "prompt stages/models/a/ask.md"]
    assert said(moves, "inject") == ["code stages/inject (5 files)"]


def test_a_model_moves_with_its_pin_but_not_with_its_code():
    def edit(file, stages):
        stages["inject"]["models"][0] |= {"revision": "diffusers:xyz"}

    assert said(change(edit), "inject") == []

    def edit_weights(file, stages):
        stages["inject"]["models"][0] |= {"sha256": "d" * 64}

    (move,) = said(change(edit_weights), "inject")
    assert move.startswith("model flow: diffusers weights/compact folder cccccccccccc")
    assert "-> diffusers weights/compact folder dddddddddddd" in move


@pytest.mark.parametrize("known", [({}, FILE), (FILE, {})])
def test_without_both_files_nothing_is_known(known):
    assert compare_provenance(*known) == {}


def test_locks_say_photos_and_provenance_says_files():
    lock = {"ingest": {"deps": [{"path": "data/sources/photos", "md5": "1"}]},
            "map": {"deps": [{"path": "stages/map", "md5": "1"}]}}  # fmt: skip
    later = {"ingest": {"deps": [{"path": "data/sources/photos", "md5": "2"}]},
             "map": {"deps": [{"path": "stages/map", "md5": "2"}]}}  # fmt: skip
    recorded = dict.fromkeys(STAGES, ()) | {"map": (Move("code", "stages/map/policy.py"),)}
    moves = refine_moves(find_moves(lock, later), recorded)
    assert said(moves, "ingest") == ["photos data/sources/photos"]
    assert said(moves, "map") == ["code stages/map/policy.py"]
    assert refine_moves({}, recorded) == recorded
    assert refine_moves(find_moves(lock, later), {}) == find_moves(lock, later)


def test_two_packages_without_a_checkout_say_why(tmp_path):
    first, second = write_set(tmp_path / "a"), write_set(tmp_path / "b", keys=("0" * 16,))
    path = second / "provenance.json"
    path.write_text(path.read_text().replace('"variants": 4', '"variants": 9'))
    report = make_report(open_version(None, str(first)), open_version(None, str(second)))
    (line,) = list_changes(report)
    assert line.what == "removed" and "map.variants: 4 -> 9" in line.why


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"stages": 3}', "\x00"])
def test_a_provenance_file_that_cannot_be_read_is_not_known(tmp_path, content):
    folder = write_set(tmp_path / "a", keys=("0" * 16,))
    (folder / "provenance.json").write_text(content)
    assert open_version(None, str(folder)).provenance() == {}
