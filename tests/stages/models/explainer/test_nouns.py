import pytest

from stages.models.explainer import nouns


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("left fingers", True), ("feet", True), ("sunglasses", True), ("lens", False), ("bus", False),
     ("iris", False), ("hen-of-the-woods", False), ("upper left part", False), ("", False),
     ("canvas", False), ("teeth", True), ("hair", False), ("leaves", True)],
)  # fmt: skip
def test_is_plural(noun, plural):
    assert nouns.is_plural(noun) is plural


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("eye", "eyes"), ("foot", "feet"), ("upper lip", "upper lips"), ("body", "bodies"),
     ("tabby cat", "tabby cats"), ("person", "people"), ("brush", "brushes"), ("hair", "hair"),
     ("glasses", "glasses"), ("key", "keys"), ("sheep", "sheep"), ("index finger", "index fingers"),
     ("leaf", "leaves"), ("bus", "buses")],
)  # fmt: skip
def test_plural(noun, plural):
    assert nouns.plural(noun) == plural


@pytest.mark.parametrize(
    ("noun", "indefinite", "real"),
    [("ear", "an ear", "a real ear"), ("unicycle", "a unicycle", "a real unicycle"),
     ("glasses", "glasses", "real glasses"), ("hair", "hair", "real hair")],
)  # fmt: skip
def test_indefinite(noun, indefinite, real):
    assert nouns.indefinite(noun) == indefinite
    assert nouns.indefinite(noun, "real") == real


@pytest.mark.parametrize(
    ("noun", "second"),
    [("cat", "another cat"), ("food", "other food"), ("sunglasses", "other sunglasses")],
)
def test_another(noun, second):
    assert nouns.another(noun) == second
    assert nouns.is_mass("long hair") and not nouns.is_mass("ear")
