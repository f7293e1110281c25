import numpy as np

from stages.models.vocabulary.words import WORDS, WordList
from stages.tools import TOOLS
from stages.tools.aspects.parts import PERIPHERAL

WANTED = WordList().vocabulary(np.zeros((4, 4, 3), np.uint8))


def test_every_part_has_tools_in_order_and_fuse_is_left_to_the_masks():
    for entity in WANTED:
        assert entity.parts
        for part in entity.parts:
            assert part.tools and "fuse" not in part.tools
            assert list(part.tools) == [tool for tool in TOOLS if tool in part.tools]


def test_names_are_plain_noun_phrases():
    names = {e.name for e in WANTED} | {p.name for e in WANTED for p in e.parts}
    assert all(name == " ".join(name.lower().split()) and "." not in name for name in names)
    assert all(part.kind == part.name for e in WANTED for part in e.parts)


def test_the_tools_of_every_word_together_are_all_that_need_no_second_thing():
    assert {t for e in WANTED for p in e.parts for t in p.tools} == {"add", "remove", "distort"}


def test_the_revision_follows_the_words(monkeypatch):
    first = WordList.revision()
    monkeypatch.setitem(WORDS, "kettle", {"spout": PERIPHERAL})
    assert WordList.revision() != first
