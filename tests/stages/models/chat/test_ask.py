import pytest

from stages.engine.stage import RejectForNow
from stages.models.captioner.vlm.captioner import PROMPT, CaptionAnswer
from stages.models.chat import prompts
from stages.models.chat.ask import Unusable, ask
from stages.models.chat.request import ChatAnswer

GOOD = {"caption": "A dog on grass."}


def no_dogs(answer):
    return ["there is no dog"] if "dog" in answer.caption else []


def caption(chat, check=lambda answer: []):
    return ask(chat, prompts.load(PROMPT), {}, [b"png"], CaptionAnswer, check)


def test_a_good_answer_costs_one_call(scripted):
    chat = scripted(GOOD)
    reply = caption(chat)
    assert (reply.value.caption, reply.model) == ("A dog on grass.", "scripted-1")
    (request,) = chat.requests
    assert request.purpose == "caption" and request.prompt == prompts.load(PROMPT).id
    assert request.images == (b"png",) and request.schema["required"] == ["caption"]


@pytest.mark.parametrize("around", ["```json\n{}\n```", "Here it is: {} Anything else?"])
def test_text_around_the_json_is_ignored(scripted, around):
    said = around.replace("{}", '{"caption": "A cat."}')
    assert caption(scripted(said)).value.caption == "A cat."


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ("I see a dog.", "no JSON object"),
        ('{"caption": "A dog', "no JSON object"),
        ({"caption": 3}, "caption: Input should be a valid string"),
        ({"text": "A dog"}, "caption: Field required"),
        ({**GOOD, "mood": "glad"}, "mood: Extra inputs"),
        ("", "no JSON object"),
    ],
)
def test_invalid_json_may_be_repaired_once(scripted, bad, complaint):
    chat = scripted(bad, GOOD)
    assert caption(chat).value.caption == "A dog on grass."
    (turn,) = chat.requests[1].turns
    assert complaint in turn.complaint
    chat = scripted(bad, bad)
    with pytest.raises(Unusable) as caught:
        caption(chat)
    assert caught.value.code == "unusable_answer" and len(chat.requests) == 2
    raw = bad if isinstance(bad, str) else __import__("json").dumps(bad)
    assert caught.value.evidence["answers"] == [raw, raw]
    assert caught.value.evidence["prompt"] == prompts.load(PROMPT).id


def test_a_cut_off_answer_is_requested_again_with_a_hint(scripted):
    cut = ChatAnswer('{"caption": "A}', "m", cut_off=True)
    chat = scripted(cut, GOOD)
    caption(chat)
    assert "be shorter" in chat.requests[1].turns[0].complaint


def test_an_answer_that_fails_the_checks_is_requested_again_once(scripted):
    chat = scripted(GOOD, {"caption": "A cat."})
    assert caption(chat, no_dogs).value.caption == "A cat."
    assert "there is no dog" in chat.requests[1].turns[0].complaint
    with pytest.raises(Unusable, match="there is no dog") as caught:
        caption(scripted(GOOD, GOOD), no_dogs)
    assert caught.value.evidence["problems"] == ["there is no dog"]


def test_at_most_three_calls(scripted):
    chat = scripted("?", GOOD, {"caption": "A cat."})
    assert caption(chat, no_dogs).value.caption == "A cat."
    assert len(chat.requests[2].turns) == 2
    chat = scripted("?", GOOD, "?", GOOD)
    with pytest.raises(Unusable):
        caption(chat, no_dogs)
    assert len(chat.requests) == 3


def test_a_refusal_is_final(scripted):
    chat = scripted(ChatAnswer("", "m", refusal="I must not"))
    with pytest.raises(Unusable, match="I must not") as caught:
        caption(chat)
    assert caught.value.code == "refused_to_answer" and len(chat.requests) == 1


def test_errors_of_the_chat_model_propagate(scripted):
    with pytest.raises(RejectForNow):
        caption(scripted(RejectForNow("model_unavailable", "down")))
