from dataclasses import replace
from pathlib import Path

import pytest

from flows.exports.chat.check import check, estimate_tokens
from flows.exports.chat.conversations import make_conversations
from flows.exports.chat.targets import TARGETS
from flows.exports.options import Options
from flows.exports.pictures import resize
from flows.exports.samples import read_samples
from stages.engine.workspace import FactoryError

TARGET, LIMIT = TARGETS["qwen2.5-vl"], 262_144


@pytest.fixture
def located(published: Path):
    options = Options(target="qwen2.5-vl")
    found = make_conversations(read_samples(published, options), options)
    return next(c for c in found if c.task == "localisation" and c.regions)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(b"picture")
    return tmp_path / "a.png"


def test_a_sound_conversation_passes(located, file: Path) -> None:
    check(located, [file], TARGET, LIMIT)


def test_what_trainers_trip_over_is_an_error(located, file: Path) -> None:
    label, box, number = located.regions[0]
    odd = resize(located.pictures[0], (57, 43))
    spoiled = {
        "placeholders": (replace(located, question="Where?"), [file]),
        "was not written": (located, [file.with_name("b.png")]),
        "resize a.png": (replace(located, pictures=(odd,)), [file]),
        "is outside the picture": (
            replace(located, regions=((label, (0, 0, 5000, 3), number),)),
            [file],
        ),
        "is not in the text": (replace(located, regions=((label, (1, 1, 3, 3), number),)), [file]),
        "changes when it is parsed": (replace(located, answer=[{1: 2}], regions=()), [file]),
        "tokens": (replace(located, question="<image>" + "why? " * 3000), [file]),
    }
    for words, (conversation, files) in spoiled.items():
        with pytest.raises(FactoryError, match=words) as raised:
            check(conversation, files, TARGET, LIMIT)
        assert str(raised.value).startswith(located.id)
    assert box != (1, 1, 3, 3)


def test_the_estimate_is_not_below_what_qwens_tokenizer_makes(located) -> None:
    # Qwen's tokenizer makes 35 tokens of this answer of 61 characters: one of every digit.
    answer = [{"bbox_2d": [123, 45, 678, 912], "label": "extra left eye"}]
    one = replace(located, question="", answer=answer, pictures=())
    three = replace(one, answer=answer * 3)
    assert estimate_tokens(three, TARGET, LIMIT) - estimate_tokens(one, TARGET, LIMIT) >= 2 * 35
