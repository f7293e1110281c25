import json

import numpy as np
import pytest
from flaw_records import make

from stages.engine.stage import BaseParams, RejectForNow, RejectPhoto, Sample
from stages.explain.stage import ExplainCode, ExplainParams, ExplainStage, find_problems
from stages.models.explainer.grammar.explainer import GrammarExplainer
from stages.records.documents import (
    Curation,
    Entity,
    Explanation,
    Explanations,
    Injection,
    Mapping,
    Outcome,
    Rle,
    Scene,
    Unexplained,
    Verdict,
    Window,
)
from stages.records.images import write_png

KEY = "0123456789abcdef"
HEIGHT, WIDTH = 20, 30
BOX = (10, 5, 14, 10)
WINDOW = Window(id="w0", box=(0, 0, 30, 20), size=(32, 32), parts=[])
ENTITY = Entity(
    id="e0", name="person", score=1, box=(0, 0, 30, 20), parts=[],
    mask=Rle(size=(HEIGHT, WIDTH), counts=[0, HEIGHT * WIDTH]),
)  # fmt: skip


def outcome(variant):
    return Outcome(
        variant=variant.id, tool=variant.tool, box=BOX, target_box=BOX, mask_pixels=1,
        edit_pixels=1, evaluations=1.0, reconstruction_psnr=30.0, together=1,
    )  # fmt: skip


@pytest.fixture
def sample(variant):
    """Makes what the stage gets when the variants in `passed` passed the filter."""
    tools = ("add", "remove", "distort")

    def make(passed, pictures=("p0", "p1", "p2")):
        variants = [
            variant(id=f"v{n}", tool=t, picture=p)
            for n, (t, p) in enumerate(zip(tools, pictures, strict=True))
        ]
        verdicts = [
            Verdict(
                variant=v.id,
                tool=v.tool,
                passed=v.id in passed,
                reason="ok",
                message="",
                judge="j",
                scores={},
            )
            for v in variants
        ]
        documents = {
            "filter": Curation(key=KEY, verdicts=verdicts),
            "map": Mapping(key=KEY, variants=variants),
            "perceive": Scene(key=KEY, entities=[ENTITY], windows=[WINDOW], detector="test"),
            "inject": Injection(key=KEY, mode="test", outcomes=[outcome(v) for v in variants]),
        }
        written = {name: doc.model_dump(mode="json") for name, doc in documents.items()}
        mask = write_png(np.ones((5, 4), bool))
        return Sample(KEY, written, {f"inject/{v.id}.mask.png": mask for v in variants})

    return make


@pytest.fixture
def stage():
    made = ExplainStage(ExplainParams(), BaseParams())
    made.explainer = GrammarExplainer(0)
    return made


def test_only_what_passed_is_explained(stage, sample):
    out = stage.process(sample({"v0", "v2"}))
    rows = stage.rows(json.loads(out.document.model_dump_json()))
    assert [(r["key"], r["variant"], r["tool"]) for r in rows] == [
        (KEY, "v0", "add"),
        (KEY, "v2", "distort"),
    ]
    assert out.rejects == []


def test_a_photo_of_which_no_variant_passed_is_rejected(stage, sample):
    with pytest.raises(RejectPhoto) as caught:
        stage.process(sample(set()))
    assert caught.value.code == "nothing_passed"


class Attentive(GrammarExplainer):
    def explain(self, scene, variants, images):
        self.facts = {variant.id: variant.facts for variant in variants}
        return super().explain(scene, variants, images)


def test_the_explainer_gets_the_facts_of_the_record(stage, sample):
    stage.explainer = Attentive(0)
    stage.process(sample({"v0", "v2"}))
    known = stage.explainer.facts
    assert known["v0"] == {"direction": "below", "place": "upper left"}
    assert known["v2"] == known["v0"] | {"extent": "piece"}


class Careless(GrammarExplainer):
    clean_text = "The person is drawn in a consistent way."

    def explain(self, scene, variants, images):
        good = super().explain(scene, variants, images)
        overall = good.explanations[0].overall
        bad = Explanation(variant="v0", tool="add", label="l", local="See box 12.", overall=overall)
        return Explanations(
            key=scene.key, author="careless", clean=self.clean_text,
            explanations=[bad, *good.explanations[1:]],
        )  # fmt: skip


def test_an_unfit_text_drops_its_variant_and_no_other(stage, sample):
    stage.explainer = Careless(0)
    out = stage.process(sample({"v0", "v1"}))
    assert [e.variant for e in out.document.explanations] == ["v1"]
    (reject,) = out.rejects
    assert (reject.variant, reject.code) == ("v0", "explanation_unfit")
    assert reject.evidence["problems"]["local.leak"] == "box"


def test_an_unfit_clean_text_drops_the_photo(stage, sample):
    stage.explainer = Careless(0)
    stage.explainer.clean_text = "The person is misshapen."
    with pytest.raises(RejectPhoto) as caught:
        stage.process(sample({"v0"}))
    assert caught.value.code == "explanation_unfit"


class Looker(GrammarExplainer):
    """Wants to see the pictures, and finds no words for the second."""

    looks = True

    def explain(self, scene, variants, images):
        self.images = images
        texts = super().explain(scene, variants, images)
        out = Unexplained(
            variant="v2", tool="distort", code="unusable_answer", message="m", answers=["?"]
        )
        kept = texts.explanations[:1]
        return texts.model_copy(update={"explanations": kept, "unexplained": [out]})


def test_who_looks_gets_photo_and_flawed_photo(stage, sample):
    photo = np.zeros((20, 30, 3), np.uint8)
    crop = np.full((5, 4, 3), 200, np.uint8)
    given = sample({"v0", "v2"})
    members = dict(given.members)
    members |= {f"inject/{name}.artifact.png": write_png(crop) for name in ("v0", "v2")}
    members["ingest/photo.png"] = write_png(photo)
    stage.explainer = Looker(0)
    out = stage.process(Sample(KEY, given.documents, members))
    real, flawed = stage.explainer.images["v0"]
    assert (real == photo).all() and (flawed[5:10, 10:14] == 200).all()
    assert (flawed == 200).all(axis=2).sum() == 20
    assert [e.variant for e in out.document.explanations] == ["v0"]
    (reject,) = out.rejects
    assert (reject.variant, reject.code) == ("v2", "unusable_answer")
    assert reject.evidence == {"answers": ["?"]}


@pytest.mark.parametrize("text", ["the person's left hand is doubled.", "A left hand", "A. " * 210])
def test_what_the_gate_would_fail_on_costs_its_variant_alone(text):
    words = Explanation(variant="v0", tool="add", label="l", local=text, overall=text)
    found = find_problems(words, make())
    assert {"local.sentences", "local.length"} & set(found)


def test_the_gate_passes_good_rows_and_names_bad_ones(judged, stage, sample):
    out = stage.process(sample({"v0", "v1", "v2"}))
    rows = stage.rows(json.loads(out.document.model_dump_json()))
    assert judged(stage, rows).success
    bad = judged(stage, [{**rows[0], "local": "short"}, *rows[1:]])
    assert {check.expectation for check in bad.failures} == {
        "expect_column_value_lengths_to_be_between",
        "expect_column_values_to_match_regex",
    }
    assert f"{KEY}-v0" in bad.failures[0].examples


def test_every_flaw_has_a_label_and_every_picture_a_text(stage, sample):
    document = stage.process(sample({"v0", "v1"})).document
    assert [e.label for e in document.explanations] == ["extra left hand", "missing left hand"]
    assert [(p.picture, p.overall) for p in document.pictures] == [
        (f"p{n}", e.overall) for n, e in enumerate(document.explanations)
    ]


def test_the_text_of_a_picture_is_about_the_flaws_that_are_left(stage, sample):
    document = stage.process(sample({"v0", "v2"}, ("p0", "p0", "p0"))).document
    (text,) = document.pictures
    assert text.picture == "p0" and "two" in text.overall.lower()
    assert text.overall not in [e.overall for e in document.explanations]
    alone = stage.process(sample({"v2"}, ("p0", "p0", "p0"))).document
    assert [p.overall for p in alone.pictures] == [e.overall for e in alone.explanations]


class Mistaken(GrammarExplainer):
    def compose(self, scene, flaws, images):
        text = super().compose(scene, flaws, images)
        return text.model_copy(update={"overall": "Box 12 of the left hand of the person."})


class Speechless(GrammarExplainer):
    reason = RejectPhoto

    def compose(self, scene, flaws, images):
        raise self.reason(ExplainCode.NOTHING_PASSED, "no words")


def test_a_picture_without_a_usable_text_loses_its_flaws_and_no_other(stage, sample):
    for author, code in ((Mistaken(0), "explanation_unfit"), (Speechless(0), "nothing_passed")):
        stage.explainer = author
        out = stage.process(sample({"v0", "v1", "v2"}, ("p0", "p0", "p1")))
        assert [(r.variant, r.code) for r in out.rejects] == [("v0", code), ("v1", code)]
        assert [e.variant for e in out.document.explanations] == ["v2"]
        assert [p.picture for p in out.document.pictures] == ["p1"]


def test_what_is_not_answered_now_is_tried_another_time(stage, sample):
    stage.explainer = Speechless(0)
    stage.explainer.reason = RejectForNow
    with pytest.raises(RejectForNow):
        stage.process(sample({"v0", "v1"}, ("p0", "p0", "p1")))


class Composer(Looker):
    def explain(self, scene, variants, images):
        return GrammarExplainer.explain(self, scene, variants, images)

    def compose(self, scene, flaws, images):
        self.seen = images
        return super().compose(scene, flaws, images)


def test_who_looks_gets_the_picture_with_the_flaws_that_are_left(stage, sample):
    """v1 fell: its region shows the control."""
    photo = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    given = sample({"v0", "v2"}, ("p0", "p0", "p0"))
    members = dict(given.members) | {"ingest/photo.png": write_png(photo)}
    for number in range(3):
        edit = np.zeros((5, 4), bool)
        edit[number] = True
        for name, grey in (("artifact", 200), ("control", 100)):
            crop = edit[..., None] * np.full((5, 4, 3), grey + number, np.uint8)
            members[f"inject/v{number}.{name}.png"] = write_png(crop)
        members[f"inject/v{number}.edit.png"] = write_png(edit)
    stage.explainer = Composer(0)
    stage.process(Sample(KEY, given.documents, members))
    real, flawed = stage.explainer.seen
    assert (real == photo).all()
    assert flawed[5:10, 10, 0].tolist() == [200, 101, 202, 0, 0]
