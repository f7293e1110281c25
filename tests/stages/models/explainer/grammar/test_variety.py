import numpy as np
import pytest
from flaw_records import ENTITIES, PARTS, SHARES, make

from stages.models.explainer.grammar.explainer import GrammarExplainer
from stages.models.explainer.grammar.variety import distinct_share, measure_variety, skeleton
from stages.models.explainer.phrases import DIRECTIONS, PLACES, SIZES


def drawn(tool, number):
    """A flaw as a build of the sample photos makes them, names and facts at random."""
    rng = np.random.default_rng([number, len(tool)])
    facts = {"place": str(rng.choice(sorted(PLACES))), "size": str(rng.choice(SIZES))}
    facts = {name: value for name, value in facts.items() if rng.random() < 0.7}
    if tool == "add":
        facts["direction"] = str(rng.choice(sorted(DIRECTIONS)))
    kernel = {"add": ["ring"], "remove": ["clone"], "fuse": ["merge"],
              "distort": ["jitter", "strip", "swirl", "shards"]}[tool]  # fmt: skip
    positional = tool in ("distort", "fuse") and rng.random() < 0.9
    names = [p for p in PARTS if p.endswith(" part") == positional]
    more = {"other_name": "right part"} if tool == "fuse" and positional else {}
    return make(tool, str(rng.choice(names)), str(rng.choice(ENTITIES)), facts=facts,
                kernel=str(rng.choice(kernel)), **more)  # fmt: skip


def write_texts(field, tool=None, count=400):
    author = GrammarExplainer(0)
    tools = [tool] if tool else [t for t, share in SHARES.items() for _ in range(share)]
    made = [drawn(tools[n * len(tools) // count], n) for n in range(count)]
    return [(getattr(author, field)(f"{n:016x}", v), v) for n, v in enumerate(made)]


@pytest.mark.parametrize("field", ["local", "overall"])
def test_no_skeleton_in_more_than_five_percent(field):
    found = measure_variety(write_texts(field))
    assert found.texts == 400 and found.skeletons > 300
    assert found.top_share <= 0.05, found.top
    assert found.top_sentence_share <= 0.05, found.top_sentence


@pytest.mark.parametrize("field", ["local", "overall"])
@pytest.mark.parametrize("tool", sorted(SHARES))
def test_one_tool_alone_is_varied_too(field, tool):
    found = measure_variety(write_texts(field, tool))
    assert found.top_share <= 0.05, found.top
    assert found.top_sentence_share <= 0.12, found.top_sentence


def test_a_skeleton_has_no_names_and_no_facts():
    made = make(facts={"direction": "below", "place": "upper left", "size": "tiny"})
    other = make("add", "eyes", "owl", facts={"direction": "left", "place": "right"})
    one = skeleton("The left hand of the person is doubled below it, in the upper left of the "
                   "picture.", made)  # fmt: skip
    two = skeleton("The eyes of the owl are doubled to the left of them, in the right half of the "
                   "picture.", other)  # fmt: skip
    assert one == "the · of the · is doubled <direction> it, in the <place>."
    assert one == two


def test_variety_counts():
    made = make()
    texts = ["The person is odd. It is so.", "The left hand is odd. It was so.", "It is so."]
    found = measure_variety([(text, made) for text in texts])
    assert (found.texts, found.skeletons, found.mean_words) == (3, 3, 6)
    assert found.top_share == pytest.approx(1 / 3)
    assert found.top_sentence_share == pytest.approx(2 / 3)
    assert distinct_share(["a b a", "a b"], 2) == pytest.approx(2 / 3)
    assert distinct_share(["a"], 2) == 0
    with pytest.raises(ValueError, match="no texts"):
        measure_variety([])
