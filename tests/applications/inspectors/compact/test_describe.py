import pytest

from applications.inspectors.compact.describe import describe
from stages.records.documents import Entity, Part
from stages.records.masks import encode
from stages.tools import TOOLS


def entity(name="person", part="left hand", box=(10, 10, 30, 30)):
    import numpy as np

    mask = encode(np.ones((2, 2), bool))
    kind = part.split()[-1]
    hand = Part(id="e0.p0", name=part, kind=kind, positional=False, score=1.0, box=box, mask=mask,
                tools=[])  # fmt: skip
    return Entity(id="e0", name=name, score=1.0, box=(0, 0, 60, 90), mask=mask, parts=[hand])


@pytest.mark.parametrize("tool", TOOLS)
def test_the_part_in_the_region_is_named(tool):
    texts = {describe((8, 8, 30, 32), tool, [entity()], str(key))[0] for key in range(8)}
    assert all("hand" in text for text in texts)
    assert len(texts) > 1  # the key varies the words


@pytest.mark.parametrize("tool", TOOLS)
def test_a_region_elsewhere_names_the_entity_only(tool):
    for key in range(8):
        text, overall = describe((35, 50, 55, 80), tool, [entity()], str(key))
        assert "hand" not in text + overall


@pytest.mark.parametrize("tool", TOOLS)
def test_without_entities_there_are_still_sentences(tool):
    text, overall = describe((35, 50, 55, 80), tool, [], "k")
    assert text.endswith(".") and overall.endswith(".")
    assert "person" not in text + overall
