import pytest

from stages.models.explainer.intent import describe_intent


def test_the_intent_says_what_and_where(dog_variant):
    assert describe_intent(dog_variant()) == (
        "an extra copy of the left ear of the dog was put below the original."
    )
    assert "close to the original" in describe_intent(dog_variant(facts={}))
    assert "taken away" in describe_intent(dog_variant("remove"))
    assert "scrambled" in describe_intent(dog_variant("distort", part="e0", part_name="dog"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"other_name": "tail", "within_entity": True}, "left ear of the dog and its tail"),
        ({"other_name": "dog"}, "left ear of the dog and another dog"),
        ({"other_name": "person"}, "left ear of the dog and the person"),
        ({"other_name": "cat", "part": "e0", "part_name": "dog"}, "the dog and the cat"),
    ],
)
def test_fuse_names_both(dog_variant, more, words):
    assert words in describe_intent(dog_variant("fuse", **more))
