"""English nouns as the explanations need them: plurals, possessives, lists."""

from __future__ import annotations

PLURALS = frozenset(
    {"feet", "teeth", "people", "children", "men", "women", "mice", "geese", "oxen"}
)
SINGULAR_IN_S = frozenset({"lens", "gas", "triceratops", "hen-of-the-woods"})
MASS = frozenset(
    {"hair", "fur", "skin", "water", "grass", "food", "foliage", "plumage", "background"}
)


def is_plural(noun: str) -> bool:
    """Whether a noun phrase takes `are`: judged by its last word (``left fingers``: yes)."""
    last = noun.lower().split()[-1] if noun.split() else ""
    if last in PLURALS:
        return True
    if last in SINGULAR_IN_S or last.endswith(("ss", "us", "is", "ous")):
        return False
    return last.endswith("s")


def is_mass(noun: str) -> bool:
    """Whether a noun phrase cannot be counted (``hair``): no `an extra ...`."""
    return bool(noun.split()) and noun.lower().split()[-1] in MASS


def possessive(noun: str) -> str:
    """``cat's``, ``sunglasses'``."""
    return noun + ("'" if noun.endswith("s") and is_plural(noun) else "'s")


def capitalise(sentence: str) -> str:
    """First letter upper, the rest as it is."""
    return sentence[:1].upper() + sentence[1:]


def enumerate_words(items: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]
