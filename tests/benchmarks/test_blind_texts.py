import json

import numpy as np
import pytest

from benchmarks.blind_texts import draw, main, read_people, tally

FITTING = "The structure of the hand is incorrect; the fingers are fused together."
OTHERS = ["The shadows of the hand are distorted.", "The image has a watermark.", "A red dog."]


def write_people(path, encoding):
    records = [{"problems": {"regional": [{"desc": text}]}} for text in [FITTING, *OTHERS]]
    path.write_text(json.dumps(records, ensure_ascii=False), encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_only_sentences_on_structure_are_drawn(tmp_path, encoding):
    assert read_people(write_people(tmp_path / "people.json", encoding)) == [FITTING]


def test_a_list_of_strings_may_be_read_and_white_space_is_uniform(tmp_path):
    file = tmp_path / "people.json"
    file.write_text(json.dumps([FITTING + " ", FITTING.replace(" ", "\n")]))
    assert read_people(file) == [FITTING]
    file.write_text(json.dumps(OTHERS))
    with pytest.raises(SystemExit, match="no sentence about"):
        read_people(file)


def test_draws_as_many_of_each():
    ours, people = [f"o{n}" for n in range(9)], [f"p{n}" for n in range(9)]
    drawn = draw(ours, people, 5, np.random.default_rng(0))
    assert len(set(drawn)) == 10
    assert sum(name == "ours" and text[0] == "o" for text, name in drawn) == 5
    with pytest.raises(SystemExit, match="9 texts of ours"):
        draw(ours, people, 10, np.random.default_rng(0))


def test_tally_counts_each_looker_and_all():
    found = tally(["ours", "people", "ours"], [{1, 2}, {1, 3}])
    assert found == {"ours": [1, 2, 1], "people": [1, 0, 0]}


def test_tally_prints_both(tmp_path, capsys):
    (tmp_path / "key.json").write_text(json.dumps(["ours", "people"]))
    (tmp_path / "answers.json").write_text("[1]")
    main(["tally", str(tmp_path), str(tmp_path / "answers.json")])
    assert capsys.readouterr().out.splitlines() == [
        "ours: [1] of 1 by looker, 1 by all", "people: [0] of 1 by looker, 0 by all",
    ]  # fmt: skip
