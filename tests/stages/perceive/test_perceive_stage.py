import dataclasses

import numpy as np
import pytest
from pydantic import ValidationError

from stages.engine.stage import BaseParams, RejectForNow, RejectPhoto, Sample
from stages.models import registry
from stages.models.captioner.vlm.captioner import PROMPT as CAPTION
from stages.models.chat import prompts
from stages.models.vocabulary.vlm.vocabulary import PROMPT as VOCABULARY
from stages.perceive.params import PerceiveGate, PerceiveParams
from stages.perceive.stage import PerceiveStage
from stages.records.documents import Entity, Part, Photo, Scene
from stages.records.images import write_png
from stages.records.masks import encode

KEY = "00112233445566aa"


def part(number, box, **changes):
    mask = np.zeros((400, 500), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    fields = {
        "id": f"e0.p{number}", "name": "left hand", "kind": "hand", "positional": False,
        "score": 0.9, "box": box, "mask": encode(mask), "tools": ["add", "remove"],
    }  # fmt: skip
    return Part(**(fields | changes))


class Found:
    """A perceiver that sees what it was told."""

    def __init__(self, *parts, name="person"):
        whole = encode(np.ones((400, 500), bool))
        box = (0, 0, 500, 400)
        self.entities = [Entity(id="e0", name=name, score=1, box=box, mask=whole, parts=[*parts])]

    def perceive(self, image):
        assert image.shape == (400, 500, 3)
        return self.entities


def run(perceiver, captioner=None, **params):
    stage = PerceiveStage(PerceiveParams(**params), BaseParams())
    stage.perceiver, stage.captioner = perceiver, captioner
    stage.revisions = lambda: {"perceiver": "test:1"}
    png = write_png(np.full((400, 500, 3), 128, np.uint8))
    photo = Photo(
        key=KEY, source_sha256="0" * 64, source_bytes=9, source_format="PNG",
        width=500, height=400, scaled_from=None, phash="0" * 16,
    )  # fmt: skip
    documents = {"ingest": photo.model_dump(mode="json")}
    return stage, stage.process(Sample(KEY, documents, {"ingest/photo.png": png}))


def grounded(**options):
    """Section base with the `grounded` back end on a CPU, its words from the list."""
    models = {
        "perceiver": {"backend": "grounded", "device": "cpu", **options},
        "vocabulary": {"backend": "words"},
    }
    return BaseParams(profile="flux", models=models)


def test_the_scenes_detector_follows_the_vocabulary():
    first = PerceiveStage(PerceiveParams(), grounded()).revisions()["perceiver"]
    other = PerceiveStage(PerceiveParams(), grounded(segmenter="sam-vit-b")).revisions()
    asked = PerceiveStage(PerceiveParams(), BaseParams(profile="flux")).revisions()
    assert len({first, other["perceiver"], asked["perceiver"]}) == 3


def test_a_scene_names_its_detector_and_windows():
    stage, output = run(Found(part(0, (100, 100, 200, 200)), part(1, (220, 100, 320, 200))))
    scene = output.document
    assert isinstance(scene, Scene) and scene.detector == "test:1" and scene.key == KEY
    assert [w.parts for w in scene.windows] == [["e0.p0", "e0.p1"]]
    (row,) = stage.rows(scene.model_dump(mode="json"))
    assert (row["entities"], row["people"], row["parts"], row["positional_parts"]) == (1, 1, 2, 0)
    assert row["largest_part_share"] == pytest.approx(0.05)
    assert row["served_share"] == 1 and row["size_remainder"] == 0


class PreparedCaptioner:
    """A captioner that returns or raises a prepared answer."""

    def __init__(self, answer):
        self.answer, self.calls = answer, 0

    def caption(self, image):
        self.calls += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_rejected_photo_costs_no_caption_and_others_keep_theirs():
    captioner = PreparedCaptioner("A person waves.")
    with pytest.raises(RejectPhoto):
        run(Found(), captioner)
    assert captioner.calls == 0  # the photo was rejected before
    stage, output = run(Found(part(0, (100, 100, 200, 200))), captioner)
    assert output.document.caption == "A person waves." and output.document.uncaptioned is None
    (row,) = stage.rows(output.document.model_dump(mode="json"))
    assert (row["caption"], row["uncaptioned"]) == ("A person waves.", 0)


def test_without_a_usable_caption_a_photo_goes_on_and_says_why():
    refused = RejectPhoto("refused_to_answer", "the model refused", answers=["I cannot."])
    stage, output = run(Found(part(0, (100, 100, 200, 200))), PreparedCaptioner(refused))
    scene = output.document
    assert scene.caption == "" and scene.windows
    assert scene.uncaptioned.model_dump() == {
        "code": "refused_to_answer", "message": "the model refused", "answers": ["I cannot."],
    }  # fmt: skip
    (row,) = stage.rows(scene.model_dump(mode="json"))
    assert row["uncaptioned"] == 1


def test_a_captioner_that_is_away_today_leaves_the_photo_for_the_next_build():
    with pytest.raises(RejectForNow):
        run(
            Found(part(0, (100, 100, 200, 200))),
            PreparedCaptioner(RejectForNow("model_unavailable", "away")),
        )


def test_only_a_profile_with_a_captioner_asks_and_its_prompts_are_recorded(monkeypatch):
    compact = PerceiveStage(PerceiveParams(), BaseParams())
    flux = PerceiveStage(PerceiveParams(), BaseParams(profile="flux"))
    assert compact.chosen_roles == ("perceiver",)
    assert flux.chosen_roles == ("perceiver", "captioner")
    assert set(compact.revisions()) == {"perceiver"}
    assert registry.prompts(compact.base, *compact.chosen_roles) == {}
    found = registry.prompts(flux.base, *flux.chosen_roles)
    templates = {"vocabulary": VOCABULARY, "caption": CAPTION}
    assert found == {name: prompts.load(path).id for name, path in templates.items()}
    before = flux.revisions()
    old = prompts.load
    new = lambda path: dataclasses.replace(old(path), digest="0" * 12)  # noqa: E731
    monkeypatch.setattr(prompts, "load", new)
    after = flux.revisions()  # another template is another store key
    assert all(before[role] != after[role] for role in ("perceiver", "captioner"))


@pytest.mark.parametrize(
    ("perceiver", "code"),
    [(Found(), "nothing_found"), (Found(part(0, (100, 100, 106, 106))), "no_window")],
)
def test_a_photo_without_work_falls_out(perceiver, code):
    with pytest.raises(RejectPhoto) as caught:
        run(perceiver)
    assert caught.value.code == code


@pytest.mark.parametrize("wrong", [{"window": 390}, {"max_windows": 0}, {"windw": 384}])
def test_wrong_params_are_refused(wrong):
    with pytest.raises(ValidationError):
        PerceiveParams(**wrong)


STRICT = PerceiveStage(PerceiveParams(gate=PerceiveGate(min_photos=1)), BaseParams())


@pytest.fixture(scope="module")
def row():
    stage, output = run(Found(part(0, (100, 100, 200, 200))))
    return stage.rows(output.document.model_dump(mode="json"))[0]


def test_the_gate_passes_a_good_row(judged, row):
    assert judged(STRICT, [row | {"parts": 3}]).success


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"parts": 0}, "parts"),
        ({"max_score": 1.5}, "max_score"),
        ({"largest_part_share": 1.2}, "largest_part_share"),
        ({"unnamed": 1}, "unnamed"),
        ({"size_remainder": 8}, "size_remainder"),
    ],
)
def test_the_gate_stops_a_bad_row(judged, row, change, column):
    result = judged(STRICT, [row | change])
    assert column in {check.column for check in result.failures}


@pytest.mark.parametrize(("column", "value"), [("parts.mean", 0.5), ("uncaptioned.mean", 0.5)])
def test_the_gate_stops_a_poor_mean_of_a_set_but_not_of_a_handful(judged, row, column, value):
    row = row | {"parts": 3}
    result = judged(STRICT, [row], **{column: value})
    assert {check.column for check in result.failures} == {column}
    usual = judged(PerceiveStage(PerceiveParams(), BaseParams()), [row], **{column: value})
    assert usual.success and usual.not_judged > 3
