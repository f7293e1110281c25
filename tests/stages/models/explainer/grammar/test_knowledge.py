import re

import pytest
from flaw_records import make

from stages.models.explainer import claims
from stages.models.explainer.grammar.explainer import GrammarExplainer
from stages.models.explainer.grammar.knowledge import KINDS, find_kind, name_norm, name_surface

PEOPLE, _ = KINDS


@pytest.mark.parametrize(
    ("part", "entity", "norm"),
    [
        ("left eye", "person", ("a person", "two eyes")),
        ("nose", "person", ("a person", "one nose")),
        ("right foot", "man", ("a man", "two feet")),
        ("left ear", "tabby cat", ("a tabby cat", "two ears")),
    ],
)
def test_how_many_a_real_owner_has(part, entity, norm):
    made = make("add", part, entity)
    assert name_norm(made, find_kind(made)) == norm


def test_fingers_belong_to_a_hand():
    made = make("add", "left thumb", part_kind="finger")
    assert name_norm(made, find_kind(made)) == ("a hand", "five fingers")


def test_a_surface_is_known_where_it_covers_the_whole_thing():
    assert name_surface("tabby cat") == "fur" and name_surface("lizard") == "skin"
    assert not name_surface("bird") and not name_surface("person") and not name_surface("")
    texts = [
        GrammarExplainer(0).local(f"{n:016x}", make("distort", "upper part", "tabby cat"))
        for n in range(100)
    ]
    assert any("fur" in text for text in texts)


def test_nothing_is_known_of_other_owners_and_other_parts():
    assert find_kind(make("add", "left eye", "spider")) is None
    assert find_kind(make("add", "wheel", "bus")) is None
    assert find_kind(make("distort", "upper part", "person")) is None


@pytest.mark.parametrize("found", KINDS)
def test_knowledge_claims_nothing_about_the_picture(found):
    made = make("distort", "patch")
    for kind in found.values():
        for text in kind.real:
            assert re.match(r"(?:has|is|keeps|bends|runs|follows)\b", text), text
            assert claims.read_claims(f"A real one {text}", made)[0] == []
            assert not re.search(r"\b(?:left|right|upper|lower|above|below)\b", text), text


def test_texts_say_what_a_real_one_looks_like():
    texts = [GrammarExplainer(0).local(f"{n:016x}", make("add", "nose")) for n in range(100)]
    assert any("should only have one nose" in text for text in texts)
    texts = [GrammarExplainer(0).local(f"{n:016x}", make("distort", "nose")) for n in range(100)]
    assert any(f"real nose {real}" in text for text in texts for real in PEOPLE["nose"].real)
