import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.engine.record import Entity, Rle, Scene, Variant
from stages.models import wording
from stages.models.grammar import rules, words
from stages.models.grammar.explainer import GrammarExplainer, Writer, direction_words

PARTS = ("left hand", "right ear", "face", "fingers", "hair", "nose", "torso", "lower left part")
ENTITIES = ("person", "tabby cat", "sunglasses", "espresso", "owl", "unicycle")
KERNELS = {
    "add": ("ring",),
    "remove": ("neighbours",),
    "distort": ("jitter", "strip", "permutation", "swirl", "voronoi", "new kernel"),
    "fuse": ("exchange", "voronoi"),
}
DIRECTIONS = ("right", "lower right", "below", "lower left", "left", "upper left", "above",
              "upper right", None)  # fmt: skip


def variant(tool="add", name="left hand", entity="person", **changes):
    fields = {
        "id": "v0", "window": "w0", "tool": tool, "kernel": KERNELS[tool][0], "entity": "e0",
        "entity_name": entity, "part": "e0.p0", "part_name": name,
        "part_kind": name.removeprefix("left ").removeprefix("right "), "positional": False,
        "seed": 1, "targets": [1], "references": [2], "facts": {},
    }  # fmt: skip
    if tool == "fuse":
        fields |= {"other": "e0.p1", "other_name": "neck", "within_entity": True}
    return Variant(**fields | changes)


@st.composite
def variants(draw):
    tool = draw(st.sampled_from(sorted(KERNELS)))
    entity = draw(st.sampled_from(ENTITIES))
    changes = {"kernel": draw(st.sampled_from(KERNELS[tool]))}
    if tool == "add":
        changes["facts"] = {"direction": draw(st.sampled_from(DIRECTIONS))}
    if tool == "fuse":
        within = draw(st.booleans())
        changes |= {"other_name": draw(st.sampled_from(PARTS if within else ENTITIES)),
                    "within_entity": within, "positional": draw(st.booleans())}  # fmt: skip
        if not within and draw(st.booleans()):
            return variant(tool, entity, entity, **changes, part="e0")
    return variant(tool, draw(st.sampled_from(PARTS)), entity, **changes)


@settings(max_examples=400, deadline=None)
@given(variants(), st.text("0123456789abcdef", min_size=16, max_size=16))
def test_every_text_is_fit_and_true_to_the_record(made, key):
    author = GrammarExplainer(3)
    for text in (author.local(key, made), author.overall(key, made)):
        assert wording.flaw(text, made) == [], text
        assert text[0].isupper() and text.endswith(".")
        assert "  " not in text and ".." not in text and " ," not in text
        assert not re.search(r"\ba [aeiou](?!ni)", text), text
        assert not re.search(r"\ban [^aeiouh]", text), text


@given(st.sampled_from(["fingers", "feet", "left fingers"]))
def test_plural_parts_take_plural_verbs(part):
    author = GrammarExplainer(0)
    for number in range(60):
        text = author.local(f"{number:016x}", variant("remove", part))
        assert f"{part} is " not in text and f"{part} has " not in text, text


def test_direction_is_said_and_kept():
    author, made = GrammarExplainer(0), variant(facts={"direction": "lower left"})
    texts = [author.local(f"{n:016x}", made) for n in range(100)]
    assert sum("below and to the left of" in text for text in texts) > 80
    assert not any("above" in text or "to the right" in text for text in texts)


def test_unknown_direction_is_an_error():
    with pytest.raises(ValueError, match="sideways"):
        direction_words("sideways")


def test_two_instances_of_one_name_are_told_apart():
    made = variant("fuse", "person", other="e1", other_name="person", within_entity=False)
    made = made.model_copy(update={"part": "e0"})
    texts = [GrammarExplainer(0).local(f"{n:016x}", made) for n in range(50)]
    assert all("the person" in text.lower() and "another person" in text for text in texts)
    assert not any("person's person" in text or "person of the person" in text for text in texts)


def _skeleton(text, made):
    names = [n for n in (made.part_name, made.entity_name, made.other_name) if n]
    return wording.strip_names(text, sorted(names, key=len, reverse=True))


@pytest.mark.parametrize("field", ["local", "overall"])
def test_no_skeleton_in_more_than_five_percent(field):
    author, counts = GrammarExplainer(0), Counter()
    for number in range(400):
        tool = sorted(KERNELS)[number % 4]
        made = variant(tool, PARTS[number % 5], facts={"direction": "below"}, id=f"v{number % 4}")
        text = getattr(author, field)(f"{number:016x}", made)
        counts[_skeleton(text, made)] += 1
    assert max(counts.values()) <= 20
    assert len(counts) > 200


@pytest.mark.parametrize("positional", [False, True])
@pytest.mark.parametrize("tool", sorted(KERNELS))
def test_one_tool_alone_is_varied_too(tool, positional):
    author, counts, made = GrammarExplainer(0), Counter(), variant(tool, positional=positional)
    for number in range(400):
        counts[_skeleton(author.local(f"{number:016x}", made), made)] += 1
    assert max(counts.values()) <= 20


def test_same_names_give_the_same_words_and_another_seed_others():
    made = [variant(id=f"v{n}") for n in range(8)]
    first = [GrammarExplainer(0).local("a" * 16, v) for v in made]
    assert first == [GrammarExplainer(0).local("a" * 16, v) for v in made]
    assert first != [GrammarExplainer(1).local("a" * 16, v) for v in made]
    assert len(set(first)) > 5


def test_names_are_never_read_as_grammar():
    made = variant(entity="{kernel} <local> dog")
    text = GrammarExplainer(0).local("a" * 16, made)
    assert "{kernel} <local> dog" in text


def _scene(names, key="a" * 16):
    box = (0, 0, 4, 4)
    entities = [
        Entity(
            id=f"e{n}", name=name, score=1, box=box, mask=Rle(size=(4, 4), counts=[16]), parts=[]
        )
        for n, name in enumerate(names)
    ]
    return Scene(key=key, entities=entities, windows=[], detector="test")


@pytest.mark.parametrize("names", [[], ["person"], ["person", "tabby cat", "dog"]])
def test_clean_sentence_is_fit(names):
    for number in range(80):
        text = GrammarExplainer(0).clean(_scene(names, f"{number:016x}"))
        assert wording.clean(text, names) == [], text
        assert text[0].isupper() and text.endswith(".")
        assert not names or names[0] in text


def test_explain_returns_one_text_a_variant():
    made = [variant(id="v0"), variant("remove", id="v2")]
    texts = GrammarExplainer(0).explain(_scene(["person"]), made, {})
    assert [(e.variant, e.tool) for e in texts.explanations] == [("v0", "add"), ("v2", "remove")]
    assert texts.author == "grammar" and texts.clean


def test_positional_parts_are_not_said_to_have_outlines():
    for number in range(200):
        made = variant("fuse", "upper part", "rocket", other_name="left part", positional=True)
        text = GrammarExplainer(0).local(f"{number:016x}", made)
        assert not re.search("boundary|outline|separate|distinct|edge", text), text


def test_nobody_speaks_of_a_real_object():
    for number in range(200):
        text = GrammarExplainer(0).local(f"{number:016x}", variant("distort", "face", "object"))
        assert "real object" not in text


GRAMMARS = {**rules.BY_TOOL, "fuse positional": rules.FUSE_POSITIONAL}


@pytest.mark.parametrize("tool", sorted(GRAMMARS))
def test_every_rule_is_reachable_and_every_symbol_defined(tool):
    grammar = rules.COMMON | GRAMMARS[tool] | rules.OVERALL
    used = set(re.findall(r"<(\w+)>", " ".join(t for texts in grammar.values() for t in texts)))
    kernels = {name for name in grammar if name.startswith("how_")}
    assert used <= set(grammar)
    assert set(grammar) - used - kernels - {"local", "overall", "odd", "look"} == set()


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("left fingers", True), ("feet", True), ("sunglasses", True), ("lens", False), ("bus", False),
     ("iris", False), ("hen-of-the-woods", False), ("upper left part", False), ("", False)],
)  # fmt: skip
def test_plurals(noun, plural):
    assert words.is_plural(noun) is plural


def test_writer_keeps_to_its_conditions():
    import numpy as np

    grammar = {"s": ("[yes] right.", "[no] wrong.")}
    writer = Writer(grammar, {}, {"yes"}, np.random.default_rng(0))
    assert {writer.sentence("s") for _ in range(20)} == {"Right."}
