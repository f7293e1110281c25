import io

import pytest
from PIL import Image

from stages import tools
from stages.models.chat.ask import Unusable
from stages.models.protocols import WantedEntity, WantedPart
from stages.models.vocabulary.params import VlmVocabularyOptions
from stages.models.vocabulary.vlm.vocabulary import VlmVocabulary
from stages.tools.aspects.parts import CENTRAL, PartsAspect


def part(name="left ear", kind="ear", tools=("remove", "add")):
    return {"name": name, "kind": kind, "tools": list(tools)}


def entity(*parts, name="dog"):
    return {"name": name, "parts": list(parts)}


def said(*entities):
    return {"entities": list(entities)}


def test_names_come_with_their_tools(scripted, photo):
    chat = scripted(said(entity(part(), part("face", "face", ["distort"])), entity(name="ball")))
    assert VlmVocabulary(VlmVocabularyOptions(), chat).vocabulary(photo) == [
        WantedEntity(
            "dog",
            (
                WantedPart("left ear", "ear", ("add", "remove")),
                WantedPart("face", "face", ("distort",)),
            ),
        ),
        WantedEntity("ball", ()),
    ]
    (request,) = chat.requests
    assert Image.open(io.BytesIO(request.images[0])).size == (160, 120)
    assert "at most 4 things" in request.user


def test_no_more_than_asked_for(scripted, photo):
    parts = [part(f"{word} ear") for word in ("left", "right", "third")]
    chat = scripted(said(*(entity(*parts, name=f"dog {word}") for word in ("one", "two"))))
    (found,) = VlmVocabulary(VlmVocabularyOptions(entities=1, parts=2), chat).vocabulary(photo)
    assert [p.name for p in found.parts] == ["left ear", "right ear"]


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (entity(part("hand at (10, 20)", "hand")), "plain lower-case words"),
        (entity(part("box 3", "box 3")), "plain lower-case words"),
        (entity(part("Ear", "Ear")), "plain lower-case words"),
        (entity(part("background", "background")), "plain lower-case words"),
        (entity(part("dog", "dog")), "the thing itself"),
        (entity(part(tools=[])), "has no tool"),
        (entity(part(kind="tail")), "kind of 'left ear' cannot be 'tail'"),
        (entity(part(), part()), "listed twice"),
    ],
)
def test_a_bad_list_is_asked_for_again_once(scripted, photo, bad, complaint):
    chat = scripted(said(bad), said(entity(part())))
    assert VlmVocabulary(VlmVocabularyOptions(), chat).vocabulary(photo)[0].name == "dog"
    assert complaint in chat.requests[1].turns[0].complaint
    with pytest.raises(Unusable):
        VlmVocabulary(VlmVocabularyOptions(), scripted(said(bad), said(bad))).vocabulary(photo)


def test_things_are_listed_once(scripted, photo):
    chat = scripted(*[said(entity(), entity())] * 2)
    with pytest.raises(Unusable, match="'dog' is listed twice"):
        VlmVocabulary(VlmVocabularyOptions(), chat).vocabulary(photo)


def test_nothing_to_break_is_an_answer(scripted, photo):
    assert VlmVocabulary(VlmVocabularyOptions(), scripted(said())).vocabulary(photo) == []


def test_a_tool_that_the_question_does_not_name_goes_to_parts_of_its_position(
    scripted, photo, monkeypatch
):
    found = tools.by_tool(PartsAspect) | {"melt": PartsAspect(CENTRAL)}
    monkeypatch.setattr(tools, "by_tool", lambda kind: found)
    chat = scripted(said(entity(part(), part("face", "face", ["distort"]))))
    (dog,) = VlmVocabulary(VlmVocabularyOptions(), chat).vocabulary(photo)
    assert [p.tools for p in dog.parts] == [("add", "remove"), ("distort", "melt")]
