import pytest

from stages.models.grammar import words


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("left fingers", True), ("feet", True), ("sunglasses", True), ("lens", False), ("bus", False),
     ("iris", False), ("hen-of-the-woods", False), ("upper left part", False), ("", False),
     ("canvas", False), ("teeth", True), ("hair", False), ("leaves", True)],
)  # fmt: skip
def test_is_plural(noun, plural):
    assert words.is_plural(noun) is plural


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("eye", "eyes"), ("foot", "feet"), ("upper lip", "upper lips"), ("body", "bodies"),
     ("tabby cat", "tabby cats"), ("person", "people"), ("brush", "brushes"), ("hair", "hair"),
     ("glasses", "glasses"), ("key", "keys"), ("sheep", "sheep"), ("index finger", "index fingers"),
     ("leaf", "leaves"), ("bus", "buses")],
)  # fmt: skip
def test_plural(noun, plural):
    assert words.plural(noun) == plural


@pytest.mark.parametrize(
    ("noun", "second"),
    [("cat", "another cat"), ("food", "other food"), ("sunglasses", "other sunglasses")],
)
def test_another(noun, second):
    assert words.another(noun) == second
    assert words.is_mass("long hair") and not words.is_mass("ear")
