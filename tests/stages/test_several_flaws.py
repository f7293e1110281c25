"""Several flaws in one picture, from a scene to pairs, with a tiny random flow model."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from stages.engine.stage import BaseParams, Sample
from stages.explain.stage import ExplainParams, ExplainStage
from stages.filter.params import FilterParams
from stages.filter.stage import FilterStage
from stages.inject.params import InjectParams
from stages.inject.stage import InjectStage
from stages.invert.params import InvertParams
from stages.invert.stage import InvertStage
from stages.map.params import MapParams
from stages.map.stage import MapStage
from stages.models.explainer.grammar.explainer import GrammarExplainer
from stages.package.stage import PackageParams, PackageStage
from stages.records.documents import Photo, Verdict
from stages.records.images import read_mask, read_png, write_png
from stages.records.masks import bounding_box
from tests.stages.map.conftest import SIZE, make_entity, make_part, make_scene

BOXES = {
    "face": (32, 32, 96, 96),
    "hat": (272, 32, 352, 96),
    "left hand": (32, 288, 96, 336),
    "right hand": (272, 288, 352, 336),
}
REFUSED = "v0"


class Metric:
    """Every picture differs by 0.3."""

    def distance(self, a, b):
        return 0.3

    def spatial(self, a, b):
        return np.full(a.shape[:2], 0.3, np.float32)


class Judge:
    """Refuses one variant, and keeps what it sees."""

    name, tools = "test", ("add", "remove", "distort", "fuse")

    def __init__(self):
        self.cases = {}

    def judge(self, case):
        name = case.variant.id
        self.cases[name] = case
        passed = name != REFUSED
        return Verdict(
            variant=name, tool=case.variant.tool, passed=passed,
            reason="ok" if passed else "not_perceptible", message="", judge="test", scores={},
        )  # fmt: skip


@pytest.fixture(scope="module", params=["sparse", "faithful"])
def made(request, flow):
    """The outputs of map to package, and the judge."""
    photo = np.random.default_rng(3).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    photo = np.kron(photo, np.ones((16, 16, 1), np.uint8))
    tools = ["remove", "distort"]
    parts = [make_part(n, box, tools, number=i) for i, (n, box) in enumerate(BOXES.items())]
    scene = make_scene([make_entity("person", (8, 8, 376, 376), parts)])
    record = Photo(
        key=scene.key, source_sha256="0" * 64, source_bytes=1, source_format="PNG", width=SIZE,
        height=SIZE, scaled_from=None, phash="0" * 16,
    )  # fmt: skip
    base, judge = BaseParams(), Judge()
    mapping = MapParams(variants=6, flaws_per_picture=3, max_per_tool=6)
    stages = [
        MapStage(mapping, base),
        InvertStage(InvertParams(solver="euler", steps=2), base),
        InjectStage(InjectParams(mode=request.param), base),
        FilterStage(FilterParams(), base),
        ExplainStage(ExplainParams(), base),
        PackageStage(PackageParams(), base),
    ]
    for stage in stages[1:3]:
        stage.flow = flow
    stages[3].metric, stages[3].judge = Metric(), judge
    stages[4].explainer = GrammarExplainer(0)
    sample = Sample(
        scene.key,
        {"perceive": scene.model_dump(mode="json"), "ingest": record.model_dump(mode="json")},
        {"ingest/photo.png": write_png(photo)},
    )
    outputs = {}
    for stage in stages:
        outputs[stage.name] = output = stage.process(sample)
        sample = dataclasses.replace(
            sample,
            documents={**sample.documents, stage.name: output.document.model_dump(mode="json")},
            members={
                **sample.members,
                **{f"{stage.name}/{name}": data for name, data in output.members.items()},
            },
        )
    return photo, outputs, judge


def member(outputs, picture, name):
    data = outputs["package"].members[f"{picture}.{name}.png"]
    return read_mask(data) if name in ("edit", "mask") else read_png(data)


def numbers(outputs, picture):
    return np.asarray(Image.open(io.BytesIO(outputs["package"].members[f"{picture}.flaws.png"])))


def test_up_to_three_flaws_share_a_picture(made):
    _, outputs, _ = made
    variants = outputs["map"].document.variants
    pictures = [variant.picture for variant in variants]
    assert len(variants) == 6 and max(map(pictures.count, pictures)) == 3
    assert [pair.picture for pair in outputs["package"].document.pairs] == sorted(set(pictures))


def test_edits_of_a_picture_are_disjoint(made):
    photo, outputs, _ = made
    pictures = {v.id: v.picture for v in outputs["map"].document.variants}
    seen = {picture: np.zeros(photo.shape[:2], int) for picture in pictures.values()}
    for outcome in outputs["inject"].document.outcomes:
        x0, y0, x1, y1 = outcome.box
        edit = read_mask(outputs["inject"].members[f"{outcome.variant}.edit.png"])
        seen[pictures[outcome.variant]][y0:y1, x0:x1] += edit
    assert all(count.max() == 1 for count in seen.values())
    for picture, count in seen.items():
        assert np.array_equal(member(outputs, picture, "edit"), count == 1)


def test_outside_the_edit_artifact_and_control_equal_the_photo(made):
    photo, outputs, _ = made
    for pair in outputs["package"].document.pairs:
        edit = member(outputs, pair.picture, "edit")
        for name in ("artifact", "control"):
            assert np.array_equal(member(outputs, pair.picture, name)[~edit], photo[~edit])


def test_flaws_png_agrees_with_boxes_and_masks(made):
    _, outputs, _ = made
    for pair in outputs["package"].document.pairs:
        found = numbers(outputs, pair.picture)
        assert np.array_equal(found > 0, member(outputs, pair.picture, "mask"))
        assert [flaw.index for flaw in pair.flaws] == list(range(1, len(pair.flaws) + 1))
        for flaw in pair.flaws:
            own = found == flaw.index
            assert own.sum() == flaw.mask_pixels and bounding_box(own) == flaw.mask_box
            x0, y0, x1, y1 = BOXES[flaw.part]
            assert own[y0:y1, x0:x1].any()


def test_a_refused_flaw_shows_its_control_and_the_pair_stays(made):
    _, outputs, _ = made
    (pair,) = [pair for pair in outputs["package"].document.pairs if pair.taken_out]
    assert len(pair.flaws) == 2 and REFUSED not in [flaw.id for flaw in pair.flaws]
    (outcome,) = [o for o in outputs["inject"].document.outcomes if o.variant == REFUSED]
    x0, y0, x1, y1 = outcome.box
    edit, control = (
        read(outputs["inject"].members[f"{REFUSED}.{name}.png"])
        for name, read in (("edit", read_mask), ("control", read_png))
    )
    shown = member(outputs, pair.picture, "artifact")[y0:y1, x0:x1]
    assert np.array_equal(shown[edit], control[edit])
    assert not numbers(outputs, pair.picture)[y0:y1, x0:x1][edit].any()


def test_each_flaw_is_judged_without_its_neighbours(made):
    photo, outputs, judge = made
    for outcome in outputs["inject"].document.outcomes:
        x0, y0, x1, y1 = outcome.box
        edit = np.zeros(photo.shape[:2], bool)
        edit[y0:y1, x0:x1] = read_mask(outputs["inject"].members[f"{outcome.variant}.edit.png"])
        case = judge.cases[outcome.variant]
        assert np.array_equal(case.artifact[~edit], photo[~edit])


def test_texts_are_of_the_flaws_that_are_left(made):
    _, outputs, _ = made
    for pair in outputs["package"].document.pairs:
        overall = pair.explanation.overall.lower()
        for flaw in pair.flaws:
            assert flaw.part_kind in flaw.text.lower()
            assert (flaw.part if len(pair.flaws) > 1 else flaw.part_kind) in overall
        assert all(flaw.part in flaw.label for flaw in pair.flaws)
    (pair,) = [pair for pair in outputs["package"].document.pairs if pair.taken_out]
    (gone,) = [v for v in outputs["map"].document.variants if v.id == REFUSED]
    assert gone.part_name not in pair.explanation.overall.lower()
