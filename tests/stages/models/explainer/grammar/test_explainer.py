import re

import pytest
from flaw_records import ENTITIES, make, records
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.models.explainer import checks, claims
from stages.models.explainer.grammar.explainer import GrammarExplainer
from stages.records.documents import Entity, Part, Rle, Scene

KEYS = st.text("0123456789abcdef", min_size=16, max_size=16)


@settings(max_examples=200)
@given(records(), KEYS)
def test_every_text_is_fit_and_reads_as_english(made, key):
    author = GrammarExplainer(3)
    for text in (author.local(key, made), author.overall(key, made)):
        assert checks.check_flaw(text, made) == [], text
        assert text[0].isupper() and text.endswith(".")
        assert not re.search(r"  | \.|\.\.| ,|[{}<>]|\. [a-z]|\.\w|\bthe the\b", text), text
        assert not re.search(r"\ba [aeiou](?!ni)", text), text
        assert not re.search(r"\ban [^aeiouh]", text), text
        assert made.positional or (made.other_name or "") in text, text


@settings(max_examples=200)
@given(records(), KEYS)
def test_every_claim_is_the_records(made, key):
    author = GrammarExplainer(3)
    for text in (author.local(key, made), author.overall(key, made)):
        for claim in claims.read_claims(text, made)[0]:
            known = made.facts.get(claim.fact)
            claimed = {"one": "1", "three": "3"}.get(claim.value, claim.value)
            assert claimed == str(known), (claim, text)


@pytest.mark.parametrize(
    ("tool", "facts", "local", "overall"),
    [
        ("add", {"direction": "below", "place": "upper left", "size": "tiny", "count": 3},
         {"direction", "count"}, {"place", "size", "direction"}),
        ("remove", {"source_direction": "left", "place": "lower", "size": "large", "count": 1},
         {"count"}, {"place", "size"}),
        ("distort", {"place": "middle", "size": "small", "extent": "most", "strips": "lying"},
         {"strips"}, {"place", "size", "extent", "strips"}),
        ("fuse", {"place": "right", "size": "large", "extent": "half"},
         set(), {"place", "size"}),
    ],
)  # fmt: skip
def test_the_texts_state_facts_of_the_record_and_no_others(tool, facts, local, overall):
    """Not each of them: people do not say how large a flaw is, and boxes say where it is."""
    made, author = make(tool, facts=facts, kernel="strip"), GrammarExplainer(0)
    for write, wanted in ((author.local, local), (author.overall, overall)):
        texts = [write(f"{number:016x}", made) for number in range(300)]
        assert {c.fact for t in texts for c in claims.read_claims(t, made)[0]} == wanted


@given(records(), KEYS)
def test_local_and_overall_agree(made, key):
    author = GrammarExplainer(1)
    shared = author.shared(key, made)
    local, overall = author.local(key, made), author.overall(key, made)
    both = [{c.fact: c.value for c in claims.read_claims(t, made)[0]} for t in (local, overall)]
    assert all(both[0][fact] == both[1][fact] for fact in both[0].keys() & both[1].keys())
    others = {author.shared(f"{n:016x}", made) for n in range(80)} - {shared, ""}
    for text in (local, overall):
        assert not any(re.search(rf"\b(?:{other} in|as {other})\b", text) for other in others), text


@given(st.sampled_from(["fingers", "teeth", "left fingers"]))
def test_plural_parts_take_plural_verbs(part):
    author = GrammarExplainer(0)
    for number in range(60):
        text = author.local(f"{number:016x}", make("remove", part))
        assert not re.search(rf"(?<!of the )(?<!person's )\b{part} (?:is|has) ", text), text


def test_what_cannot_be_counted_is_not():
    for number in range(100):
        text = GrammarExplainer(0).local(f"{number:016x}", make("add", "hair"))
        assert not re.search(r"(?:extra|additional|another|second|one) hair", text), text


def test_a_text_states_the_recorded_direction():
    author, made = GrammarExplainer(0), make(facts={"direction": "lower left"})
    texts = [author.local(f"{n:016x}", made) for n in range(100)]
    assert any("below and to the left of" in text for text in texts)
    assert sum(bool(re.search("next to|beside|near|close to", text)) for text in texts) > 40
    assert not any("above" in text or "to the right" in text for text in texts)


def test_two_entities_of_one_name_are_distinguished():
    made = make("fuse", "person", other="e1", other_name="person", within_entity=False)
    made = made.model_copy(update={"part": "e0"})
    texts = [GrammarExplainer(0).local(f"{n:016x}", made) for n in range(50)]
    assert all("the person" in text.lower() and "another person" in text for text in texts)
    assert not any("person's person" in text or "person of the person" in text for text in texts)


def test_same_names_give_the_same_words_and_another_seed_others():
    made = [make(id=f"v{n}") for n in range(8)]
    first = [GrammarExplainer(0).local("a" * 16, v) for v in made]
    assert first == [GrammarExplainer(0).local("a" * 16, v) for v in made]
    assert first != [GrammarExplainer(1).local("a" * 16, v) for v in made]
    assert len(set(first)) > 5


def test_names_are_never_read_as_grammar():
    made = make("distort", entity="{kernel} <local> dog")
    for number in range(40):
        text = GrammarExplainer(0).local(f"{number:016x}", made)
        assert "{kernel} <local> dog" in text


def _scene(names, key="a" * 16, parts=()):
    box, mask = (0, 0, 4, 4), Rle(size=(4, 4), counts=[16])
    found = [
        Part(id=f"p{n}", name=p, kind=p, positional=False, score=1, box=box, mask=mask, tools=[])
        for n, p in enumerate(parts)
    ]
    entities = [
        Entity(id=f"e{n}", name=name, score=1, box=box, mask=mask, parts=found)
        for n, name in enumerate(names)
    ]
    return Scene(key=key, entities=entities, windows=[], detector="test")


@pytest.mark.parametrize("names", [[], ["person"], ["person", "tabby cat", "dog"]])
@pytest.mark.parametrize("parts", [(), ("nose",), ("nose", "left hand")])
def test_clean_sentence_is_fit(names, parts):
    for number in range(80):
        text = GrammarExplainer(0).clean(_scene(names, f"{number:016x}", parts))
        assert checks.check_clean(text, names) == [], text
        assert text[0].isupper() and text.endswith(".") and not re.search(r"[<>{}]|\.\w", text)
        assert not names or names[0] in text


def test_clean_sentence_counts_people_and_names_parts():
    author, keys = GrammarExplainer(0), [f"{n:016x}" for n in range(80)]
    two = [author.clean(_scene(["person", "person"], key, ("nose", "mouth"))) for key in keys]
    assert all("the people" in text and "nose" not in text for text in two)
    one = [author.clean(_scene(["person"], key, ("nose", "mouth"))) for key in keys]
    assert any("The person's nose and mouth look" in text for text in one)


def test_explain_returns_one_text_a_variant():
    made = [make(id="v0"), make("remove", id="v2")]
    texts = GrammarExplainer(0).explain(_scene(["person"]), made, {})
    assert [(e.variant, e.tool) for e in texts.explanations] == [("v0", "add"), ("v2", "remove")]
    assert texts.author == "grammar" and texts.clean


@settings(max_examples=100)
@given(st.lists(records(), min_size=2, max_size=8), KEYS)
def test_the_text_of_a_picture_with_several_flaws_is_fit(made, key):
    author = GrammarExplainer(3)
    made = [v.model_copy(update={"id": f"v{n}", "picture": "p0"}) for n, v in enumerate(made)]
    texts = author.explain(_scene(["person"], key), made, {})
    flaws = list(zip(made, texts.explanations, strict=True))
    text = author.compose(_scene(["person"], key), flaws, None)
    assert text.picture == "p0" and text.prompt == ""
    assert checks.check_picture(text.overall, made) == [], text.overall
    assert text.overall[0].isupper() and text.overall.endswith(".")
    assert not re.search(r"  | \.|\.\.| ,|[{}<>]|\. [a-z]|\.\w|\bthe the\b", text.overall)


def test_the_text_of_a_picture_says_how_many_flaws_and_varies():
    made = [make(), make("remove", "nose", id="v1"), make("distort", "face", id="v2")]
    author = GrammarExplainer(0)
    found = set()
    for number in range(60):
        scene = _scene(["person"], f"{number:016x}")
        flaws = list(zip(made, author.explain(scene, made, {}).explanations, strict=True))
        text = author.compose(scene, flaws, None).overall
        assert all(f" {part}" in text for part in ("left hand", "nose", "face"))
        found.add(text)
    assert len(found) > 50
    assert sum("three" in text.lower() for text in found) > 30


def test_a_part_without_a_name_is_not_named():
    for number in range(100):
        for tool in ("distort", "fuse"):
            made = make(tool, "upper part", "rocket", other_name="left part", positional=True)
            text = GrammarExplainer(0).local(f"{number:016x}", made)
            assert "rocket" in text and not re.search("upper|left|top", text), text


def test_positional_parts_are_not_said_to_have_outlines():
    for number in range(200):
        made = make("fuse", "upper part", "rocket", other_name="left part", positional=True)
        text = GrammarExplainer(0).local(f"{number:016x}", made)
        assert not re.search("boundary|outline|separate|distinct|edge", text), text


def test_nobody_speaks_of_a_real_object():
    assert "object" in ENTITIES
    for number in range(200):
        author, made = GrammarExplainer(0), make("distort", "face", "object")
        for text in (author.local(f"{number:016x}", made), author.overall(f"{number:016x}", made)):
            assert not re.search("(real|No|A) object", text), text
