from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.models.perceiver.grounded import perceiver as grounded
from stages.models.perceiver.grounded.boxes import Detection
from stages.models.perceiver.grounded.params import GroundedOptions, GroundedParams
from stages.models.perceiver.grounded.perceiver import (
    GroundedPerceiver,
    assign_parts,
    share_inside,
    suppress,
    tools_by_kind,
)
from stages.models.perceiver.regions import Region
from stages.models.protocols import WantedEntity, WantedPart
from stages.models.vocabulary.words import WordList
from stages.models.weights.packages import WeightsError
from stages.records.documents import Entity
from stages.records.masks import bounding_box, decode

PHOTO = Path(__file__).parents[5] / "samples" / "photos" / "scikit-image" / "chelsea.png"
SQUARE = PHOTO.parents[1] / "plasma" / "Cat.png"
CAT = WantedEntity(
    "cat",
    (
        WantedPart("left ear", "ear", ("add",)),
        WantedPart("right ear", "ear", ("remove",)),
        WantedPart("face", "face", ("distort",)),
    ),
)
HAT = WantedEntity("hat", ())


def square(x, y, width, height=None):
    mask = np.zeros((100, 100), bool)
    mask[y : y + (height or width), x : x + width] = True
    return mask


def region(name, mask, score=0.9):
    return Region(name, name, score, mask)


def test_the_better_of_overlapping_boxes_is_kept_across_names():
    a, b = Detection("cat", 0.9, (0, 0, 50, 50)), Detection("dog", 0.8, (1, 0, 50, 50))
    c = Detection("cat", 0.7, (0, 0, 50, 25))
    assert suppress([a, b, c], 0.8) == [a, c]
    assert suppress([a, b, c], 0.4) == [a]
    assert suppress([], 0.8) == []


def test_share_inside_includes_border_pixels():
    assert share_inside(square(10, 10, 20), (10.4, 10.4, 29.6, 29.6)) == 1
    assert share_inside(square(10, 10, 20), (10, 10, 30, 20)) == 0.5
    assert share_inside(square(0, 0, 0), (0, 0, 100, 100)) == 0


def test_tools_of_a_kind_are_those_of_all_its_parts():
    assert tools_by_kind(CAT) == {"ear": ("add", "remove"), "face": ("distort",)}


def assigned_parts(things, parts, wanted, covered=0.9):
    return [
        [(r.name, r.tools) for r in t.regions]
        for t in assign_parts(things, parts, {w.name: w for w in wanted}, covered)
    ]


def test_a_part_is_assigned_to_the_entity_that_covers_it():
    cats = [region("cat", square(0, 0, 40)), region("cat", square(50, 0, 40))]
    ears = [region("ear", square(55, 5, 10)), region("ear", square(5, 5, 10))]
    assert assigned_parts(cats, ears, [CAT]) == [[("ear", ("add", "remove"))]] * 2


@pytest.mark.parametrize(("x", "owned"), [(31, True), (32, False), (60, False)])
def test_a_part_outside_its_entity_is_left_out(x, owned):
    # nine, eight and none of the ear's ten columns lie in the cat
    found = assigned_parts(
        [region("cat", square(0, 0, 40))], [region("ear", square(x, 5, 10))], [CAT]
    )
    assert bool(found[0]) == owned


def test_of_two_covering_entities_the_smaller_gets_the_part():
    cats = [region("cat", square(0, 0, 90)), region("cat", square(0, 0, 40))]
    assert assigned_parts(cats, [region("ear", square(5, 5, 10))], [CAT])[1]


def test_an_entity_gets_only_parts_listed_for_its_name():
    found = assigned_parts(
        [region("hat", square(0, 0, 40)), region("cat", square(0, 0, 90))],
        [region("ear", square(5, 5, 10))],
        [CAT, HAT],
    )
    assert found == [[], [("ear", ("add", "remove"))]]


class Words:
    def __init__(self, *entities):
        self.entities = list(entities)

    def vocabulary(self, image):
        return self.entities


class Boxes:
    """A detector that returns the given detections."""

    def __init__(self, *found):
        self.found, self.phrases = found, None

    def detect(self, image, phrases, box, text):
        self.phrases = phrases
        return [d for d in self.found if d.score > box]


class Masks:
    """A segmenter that fills boxes, or returns the mask given for a box."""

    def __init__(self, **special):
        self.special, self.boxes = special, []

    def segment(self, image, boxes):
        self.boxes += boxes
        return [self.special.get(f"at{int(b[0])}", self.fill(b)) for b in boxes]

    def fill(self, box):
        x0, y0, x1, y1 = map(int, box)
        return square(x0, y0, x1 - x0, y1 - y0)


def perceive(detector, segmenter, *words, **params):
    perceiver = GroundedPerceiver.__new__(GroundedPerceiver)
    perceiver._vocabulary, perceiver._detector, perceiver._segmenter = (
        Words(*words), detector, segmenter,
    )  # fmt: skip
    perceiver._params = GroundedParams(**params)
    return perceiver.perceive(np.zeros((100, 100, 3), np.uint8))


CAT_BOX = Detection("cat", 0.9, (10.0, 0.0, 90.0, 100.0))
EAR_BOX = Detection("ear", 0.8, (20.0, 10.0, 40.0, 30.0))
FACE_BOX = Detection("face", 0.7, (30.0, 40.0, 60.0, 70.0))


def test_detections_become_an_entity_with_parts():
    detector = Boxes(CAT_BOX, EAR_BOX, FACE_BOX)
    (cat,) = perceive(detector, Masks(), CAT, HAT)
    assert detector.phrases == ["cat", "hat", "ear", "face"]
    assert (cat.name, cat.score, cat.box) == ("cat", 0.9, (10, 0, 90, 100))
    assert [(p.name, p.kind, p.tools) for p in cat.parts] == [
        ("ear", "ear", ["add", "remove"]),
        ("face", "face", ["distort"]),
    ]
    assert cat.parts[0].box == bounding_box(decode(cat.parts[0].mask)) == (20, 10, 40, 30)


def test_without_detections_there_is_no_entity():
    segmenter = Masks()
    assert perceive(Boxes(), segmenter, CAT) == [] and segmenter.boxes == []
    assert perceive(Boxes(CAT_BOX), Masks()) == []  # an empty vocabulary


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        ((20.0, 10.0, 27.0, 17.0), False),  # 0.49 %
        ((20.0, 10.0, 25.0, 20.0), True),  # 0.50 %
        ((10.0, 0.0, 90.0, 62.0), True),  # 49.6 %
        ((10.0, 0.0, 90.0, 63.0), False),  # 50.4 %
    ],
)
def test_parts_outside_the_area_band_are_left_out(box, kept):
    (cat,) = perceive(Boxes(CAT_BOX, Detection("ear", 0.8, box)), Masks(), CAT)
    assert bool(cat.parts) == kept


def test_a_wider_area_band_keeps_small_parts():
    tiny = Detection("ear", 0.8, (20.0, 10.0, 23.0, 13.0))
    (cat,) = perceive(Boxes(CAT_BOX, tiny), Masks(), CAT, part_area=(0.0005, 0.5))
    assert len(cat.parts) == 1


HOSTILE = {
    "empty": square(0, 0, 0),
    "the whole photo": np.ones((100, 100), bool),
    "elsewhere": square(60, 60, 20),
}


@pytest.mark.parametrize("mask", HOSTILE.values(), ids=HOSTILE)
def test_a_part_whose_mask_lies_outside_its_box_is_left_out(mask):
    (cat,) = perceive(Boxes(CAT_BOX, EAR_BOX, FACE_BOX), Masks(at20=mask), CAT)
    assert [p.name for p in cat.parts] == ["face"]


@pytest.mark.parametrize("mask", [square(0, 0, 0), square(0, 0, 9, 100)])
def test_an_entity_with_an_invalid_mask_is_left_out_with_its_parts(mask):
    assert perceive(Boxes(CAT_BOX, EAR_BOX), Masks(at10=mask), CAT) == []


def test_a_second_box_for_one_thing_is_suppressed():
    twin = Detection("hat", 0.5, (11.0, 0.0, 90.0, 100.0))
    found = perceive(Boxes(CAT_BOX, twin, EAR_BOX), Masks(), CAT, HAT)
    assert [(e.name, len(e.parts)) for e in found] == [("cat", 1)]


def test_parts_that_touch_another_entity_can_be_fused():
    hat = Detection("hat", 0.6, (20.0, 0.0, 40.0, 9.0))
    cat, _ = perceive(Boxes(CAT_BOX, EAR_BOX, hat), Masks(), CAT, HAT)
    assert cat.parts[0].tools == ["add", "remove", "fuse"]


def test_the_number_of_masks_is_limited(monkeypatch):
    monkeypatch.setattr(grounded, "MAX_MASKS", 3)
    flood = [Detection("cat", 0.9, (x, 0.0, x + 5.0, 50.0)) for x in np.arange(0.0, 90.0, 5.0)]
    segmenter = Masks()
    assert len(perceive(Boxes(*flood), segmenter, CAT)) == 3 and len(segmenter.boxes) == 3


@pytest.fixture(scope="module")
def photo():
    return np.asarray(Image.open(PHOTO).convert("RGB").resize((90, 60)))


@pytest.mark.parametrize("segmenter", ["sam", "sam2"])
def test_a_real_photo_through_the_real_classes(
    segmenter, dino_folder, sam2_folder, sam_model, photo, monkeypatch
):
    import torch

    torch.set_num_threads(1)
    if segmenter == "sam":  # its checkpoints are of fixed sizes; test_segment.py loads one
        monkeypatch.setattr(grounded.segment, "load", lambda *_: grounded.segment.Sam(sam_model))
    monkeypatch.setattr(grounded, "MIN_INSIDE", 1e-6)  # masks of random weights lie anywhere
    params = GroundedParams(box=0.01, text=0.0, covered=0.0, part_area=(0.0, 1.0))
    words = Words(CAT, WantedEntity("dog", CAT.parts))
    options = GroundedOptions(detector=str(dino_folder), segmenter=str(sam2_folder))
    perceiver = GroundedPerceiver(options, params, words)
    found = perceiver.perceive(photo)
    assert found == perceiver.perceive(photo)  # reproducible
    assert {e.name for e in found} <= {"cat", "dog"} and found
    for entity in found:
        assert isinstance(entity, Entity) and decode(entity.mask).shape == (60, 90)
        for part in entity.parts:
            assert part.kind in {"ear", "face"} and part.tools and 0 <= part.score <= 1
            assert part.box == bounding_box(decode(part.mask))


def test_the_word_list_fits_the_detector(dino_folder, sam2_folder, photo):
    options = GroundedOptions(detector=str(dino_folder), segmenter=str(sam2_folder))
    perceiver = GroundedPerceiver(options, GroundedParams(box=1.0), WordList())
    assert perceiver.perceive(photo) == []


def test_weights_and_revision_name_both_models(dino_folder, sam2_folder):
    names = {"detector": "IDEA-Research/grounding-dino-tiny", "segmenter": "sam-vit-b"}
    pinned = GroundedOptions(**names, device="cuda")
    assert GroundedPerceiver.weights(pinned) == list(names.values())
    assert GroundedPerceiver.revision(pinned) == (
        "IDEA-Research/grounding-dino-tiny@a2bb814dd30d776dcf7e30523b00659f4f141c71 "
        "sam-vit-b-ec2df6273261"
    )
    local = GroundedOptions(detector=str(dino_folder), segmenter=str(sam2_folder))
    assert GroundedPerceiver.weights(local) == []
    assert len(set(GroundedPerceiver.revision(local).split())) == 2


@pytest.mark.parametrize("name", ["sam-hq-vit-x", "sam-vit", "nobody/knows"])
def test_an_unknown_segmenter_is_an_error_that_names_those_that_exist(name, dino_folder):
    options = GroundedOptions(detector=str(dino_folder), segmenter=name)
    ((option, message),) = options.find_missing()
    assert option == "segmenter" and name in message
    assert "checkpoints sam-hq-vit-b, sam-hq-vit-h, sam-hq-vit-l, sam-vit-b" in message


@pytest.mark.parametrize("name", ["sam-hq-vit-h", "sam-vit-b"])
def test_a_pinned_checkpoint_is_accepted_before_it_is_fetched(name, dino_folder):
    options = GroundedOptions(detector=str(dino_folder), segmenter=name)
    assert list(options.find_missing()) == []
    assert GroundedPerceiver.revision(options).split()[-1].startswith(name)


def test_missing_weights_name_the_remedy(dino_folder):
    options = GroundedOptions(detector=str(dino_folder), segmenter="sam-vit-l")
    with pytest.raises(WeightsError, match="run `flawfactory models fetch`"):
        GroundedPerceiver(options, GroundedParams(), WordList())


def test_the_stage_creates_it_from_names_in_params(dino_folder, sam2_folder, monkeypatch):
    """Run the flux profile's perceiver with tiny models on a photo."""
    from stages.engine.stage import BaseParams, Sample
    from stages.perceive.params import PerceiveParams
    from stages.perceive.stage import PerceiveStage
    from stages.records.documents import Photo, Scene

    monkeypatch.setattr(grounded, "MIN_INSIDE", 1e-6)
    names = {"detector": str(dino_folder), "segmenter": str(sam2_folder), "device": "cpu"}
    words = {"vocabulary": {"backend": "words"}, "captioner": None}
    base = BaseParams(profile="flux", models={"perceiver": names, **words})
    anything = GroundedParams(box=0.01, text=0, covered=0, part_area=(0, 1))
    stage = PerceiveStage(PerceiveParams(grounded=anything, window=64, min_part_tokens=0.1), base)
    stage.setup()
    photo = Photo(
        key="0" * 16, source_sha256="0" * 64, source_bytes=9, source_format="PNG",
        width=512, height=512, scaled_from=None,
        phash="0" * 16,
    )  # fmt: skip
    documents = {"ingest": photo.model_dump(mode="json")}
    output = stage.process(Sample(photo.key, documents, {"ingest/photo.png": SQUARE.read_bytes()}))
    scene = output.document
    assert isinstance(scene, Scene) and scene.windows
    assert scene.detector == stage.revisions()["perceiver"]
    assert output == stage.process(
        Sample(photo.key, documents, {"ingest/photo.png": SQUARE.read_bytes()})
    )
    (row,) = stage.rows(scene.model_dump(mode="json"))
    assert row["parts"] > 0 and row["unnamed"] == 0 and row["positional_parts"] == 0
