import os
from pathlib import Path

import numpy as np
import pytest

from flows.trial import Trial, draw_trial, run_stages
from stages.engine.stage import Output, Reject
from stages.engine.workspace import FactoryError
from stages.records.documents import (
    Document,
    Explanation,
    Explanations,
    Injection,
    Mapping,
    Outcome,
    Variant,
)
from stages.records.images import write_png


def test_only_regular_files_with_content_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "empty.jpg").touch()
    cases = {"pipe.jpg": "not opened", "empty.jpg": "has no bytes", "gone.jpg": "is not there"}
    for name, words in cases.items():
        with pytest.raises(FactoryError, match=words) as error:
            run_stages(tmp_path / name, [])
        assert str(error.value).startswith(str(tmp_path / name))
        assert "\n" not in str(error.value)


def test_the_flaws_of_a_picture_are_drawn_in_one_row() -> None:
    pictures = {"v0": "p0", "v1": "p0", "v2": "p1"}
    places = {"v0": (0, 0, 20, 20), "v1": (10, 0, 40, 20), "v2": (0, 20, 20, 40)}
    members, outcomes, variants = {}, [], []
    for number, (name, box) in enumerate(places.items()):
        size = box[3] - box[1], box[2] - box[0]
        edit = np.zeros(size, bool)
        edit[:, 10 if name == "v1" else 0 :] = name != "v0"
        edit[:, :10] |= name == "v0"
        for member, grey in (("artifact", 200 + number), ("control", 100)):
            members[f"{name}.{member}.png"] = write_png(np.full((*size, 3), grey, np.uint8))
        members[f"{name}.edit.png"] = members[f"{name}.mask.png"] = write_png(edit)
        outcomes.append(
            Outcome(
                variant=name, tool="distort", box=box, target_box=box, mask_pixels=1,
                edit_pixels=1, reconstruction_psnr=30.0, evaluations=1.0, together=1,
            )
        )  # fmt: skip
        variants.append(
            Variant(
                id=name, picture=pictures[name], window="w0", tool="distort", kernel="k",
                entity="e0", entity_name="cat", part="e0.p0", part_name="ear", part_kind="ear",
                positional=False, seed=0, targets=[0], references=[1],
            )
        )  # fmt: skip
    text = Explanation(variant="v0", tool="distort", label="l", local="Bent.", overall="Bent.")
    documents: dict[str, Document] = {
        "inject": Injection(key="k", mode="sparse", outcomes=outcomes),
        "map": Mapping(key="k", variants=variants),
        "explain": Explanations(key="k", author="grammar", clean="c", explanations=[text]),
    }
    outputs = {name: Output(document) for name, document in documents.items()}
    outputs["inject"] = Output(documents["inject"], members)
    photo = {"photo.png": write_png(np.zeros((40, 60, 3), np.uint8))}
    outputs["ingest"] = Output(documents["map"], photo)
    trial = Trial(outputs, [("filter", Reject("k", "v1", "too_weak", "faint"))])
    sheet = np.asarray(draw_trial(trial))
    row = sheet.shape[0] // 2
    assert sheet.shape == (2 * row, 4 * 60, 3) and row > 40 + 2 * 20  # two lines of captions
    first, second = (sheet[top + row - 40 : top + row, 2 * 60 : 3 * 60, 0] for top in (0, row))
    assert first[0, [0, 15, 25]].tolist() == [200, 0, 201] and not first[20:].any()
    assert second[30, 0] == 202 and not second[:20].any()
