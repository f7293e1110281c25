import io

import pytest
from PIL import Image

from stages.engine.stage import RejectForNow
from stages.models.chat import prompts
from stages.models.chat.ask import Unusable
from stages.models.chat.request import ChatAnswer
from stages.models.explainer.vlm.explainer import CLEAN as CLEAN_PROMPT
from stages.models.explainer.vlm.explainer import FLAW as FLAW_PROMPT
from stages.models.explainer.vlm.explainer import PICTURE as PICTURE_PROMPT
from stages.models.explainer.vlm.explainer import VlmExplainer
from stages.records.documents import Entity, Explanation, Scene

FLAW = {
    "local": "The dog has a second left ear below the real one, which no dog has.",
    "overall": "The doubled left ear makes the whole dog implausible.",
}
CLEAN = {"clean": "Both ears of the dog are in place and its fur falls naturally."}


class ByPurpose:
    """Answers by the question's purpose; the explainer asks from several threads."""

    name, identity = "by-purpose", {}

    def __init__(self, **answers):
        self.answers, self.requests = {"flaw": FLAW, "clean": CLEAN, **answers}, []

    def complete(self, request):
        import json

        self.requests.append(request)
        answer = self.answers[request.purpose]
        answer = answer[min(len(request.turns), 1)] if isinstance(answer, list) else answer
        if isinstance(answer, Exception):
            raise answer
        return ChatAnswer(json.dumps(answer), "m")


@pytest.fixture
def explain(photo, dog_window, dog_variant):
    mask = {"size": (120, 160), "counts": [19200]}
    dog = Entity(id="e0", name="dog", score=1, box=(0, 0, 9, 9), mask=mask, parts=[])
    scene = Scene(key="00ff", entities=[dog, dog], windows=[dog_window], detector="test")

    def run(chat):
        variants = [dog_variant(), dog_variant(id="v1")]
        artifact = photo.copy()
        artifact[52:68, 72:104] = 0
        images = {v.id: (photo, artifact) for v in variants}
        return VlmExplainer(chat, seed=5).explain(scene, variants, images)

    return run


def test_one_question_a_flaw_and_one_a_photo(explain):
    chat = ByPurpose()
    texts = explain(chat)
    assert [e.variant for e in texts.explanations] == ["v0", "v1"] and texts.unexplained == []
    assert texts.explanations[0].local == FLAW["local"] and texts.clean == CLEAN["clean"]
    assert texts.author == "by-purpose"
    assert texts.prompts == prompts.ids((FLAW_PROMPT, CLEAN_PROMPT))
    assert sorted(r.purpose for r in chat.requests) == ["clean", "flaw", "flaw"]


def test_the_facts_are_the_ground_truth_of_the_prompt(explain):
    chat = ByPurpose()
    explain(chat)
    asked = next(r.user for r in chat.requests if r.purpose == "flaw")
    assert "- part: left ear" in asked and "- a true description: " in asked
    assert next(r.user for r in chat.requests if r.purpose == "clean").count("dog") == 1


def test_it_sees_the_flawed_picture_and_the_place_in_both_pictures(explain):
    chat = ByPurpose()
    explain(chat)
    images = next(r.images for r in chat.requests if r.purpose == "flaw")
    picture, real, flawed = (Image.open(io.BytesIO(image)) for image in images)
    assert picture.size == (160, 120) and real.size == flawed.size
    red = [sum(count for count, c in p.getcolors(1 << 20) if c == (255, 0, 0)) for p in
           (picture, real, flawed)]  # fmt: skip
    assert red[0] == 0 and red[1] == red[2] > 100


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"local": "The dog has a left ear in box 4, far below."}, "leak: 'box'"),
        ({"overall": "The doubled limb makes the dog implausible."}, "exact name 'left ear'"),
        ({"local": "The left ear of the dog is missing there."}, "contradiction: 'missing'"),
        ({"local": "the left ear of the dog is doubled."}, "whole sentences"),
        ({"overall": "The left ear of the dog lies above the real one."}, "direction: 'above'"),
    ],
)
def test_an_unfit_text_is_asked_for_again_once_and_then_dropped(explain, change, complaint):
    bad = {**FLAW, **change}
    chat = ByPurpose(flaw=[bad, FLAW])
    assert len(explain(chat).explanations) == 2
    again = next(r for r in chat.requests if r.turns)
    assert complaint in again.turns[0].complaint
    texts = explain(ByPurpose(flaw=bad))
    assert texts.explanations == []
    assert [(u.variant, u.code) for u in texts.unexplained] == [
        ("v0", "unusable_answer"),
        ("v1", "unusable_answer"),
    ]
    assert change[next(iter(change))] in texts.unexplained[0].answers[0]


def test_without_words_for_the_clean_photo_it_falls_out(explain):
    with pytest.raises(Unusable, match="contradiction"):
        explain(ByPurpose(clean={"clean": "The dog is misshapen in this photo."}))


def test_what_is_not_answered_now_is_tried_another_time(explain):
    with pytest.raises(RejectForNow):
        explain(ByPurpose(flaw=RejectForNow("model_unavailable", "down")))


PICTURE = {
    "overall": "The dog has a second left ear, and its nose is missing. No dog looks like this."
}


@pytest.fixture
def compose(photo, dog_window, dog_variant):
    dog = Entity(
        id="e0", name="dog", score=1, box=(0, 0, 9, 9), parts=[],
        mask={"size": (120, 160), "counts": [19200]},
    )  # fmt: skip
    scene = Scene(key="00ff", entities=[dog], windows=[dog_window], detector="test")
    nose = dog_variant("remove", id="v1", picture="p0", part_name="nose", part_kind="nose")
    flaws = [
        (variant, Explanation(variant=variant.id, tool=variant.tool, label=label, local=local,
                              overall="The dog is flawed."))
        for variant, label, local in (
            (dog_variant(), "extra left ear", FLAW["local"]),
            (nose, "missing nose", "The nose of the dog is missing."),
        )
    ]  # fmt: skip

    def run(chat):
        return VlmExplainer(chat, seed=5).compose(scene, flaws, (photo, 255 - photo))

    return run


def test_one_question_a_picture_with_the_texts_of_its_flaws(compose):
    chat = ByPurpose(picture=PICTURE)
    text = compose(chat)
    assert text.picture == "p0" and text.overall == PICTURE["overall"]
    assert text.prompt == prompts.load(PICTURE_PROMPT).id
    (request,) = chat.requests
    assert FLAW["local"] in request.user and "flaw: missing nose" in request.user
    assert "two flaws" in request.user and "dog, left ear, nose" in request.user
    (image,) = request.images
    assert Image.open(io.BytesIO(image)).size == (160, 120)


def test_a_text_that_leaves_a_flaw_out_is_asked_for_again_and_then_refused(compose):
    bad = {"overall": "The dog has a second left ear, which no dog has at all."}
    chat = ByPurpose(picture=[bad, PICTURE])
    assert compose(chat).overall == PICTURE["overall"]
    assert "exact name 'nose'" in chat.requests[1].turns[0].complaint
    with pytest.raises(Unusable, match="nose"):
        compose(ByPurpose(picture=bad))
