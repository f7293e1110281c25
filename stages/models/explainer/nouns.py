"""Forms of English nouns that the explanations need: plurals, possessives, lists, numbers."""

from __future__ import annotations

PLURALS = {
    "foot": "feet", "tooth": "teeth", "person": "people", "child": "children", "man": "men",
    "woman": "women", "mouse": "mice", "goose": "geese", "ox": "oxen", "leaf": "leaves",
    "knife": "knives", "wolf": "wolves", "calf": "calves", "hoof": "hooves", "scarf": "scarves",
    "shelf": "shelves",
}  # fmt: skip
"""Singular to irregular plural."""
SINGULAR_IN_S = frozenset(
    {"lens", "gas", "triceratops", "hen-of-the-woods", "canvas", "atlas", "biceps", "triceps",
     "christmas", "pampas", "asparagus", "bias", "chaos", "cosmos", "rhinoceros", "albatross"}
)  # fmt: skip
MASS = frozenset(
    {"hair", "fur", "skin", "water", "grass", "food", "foliage", "plumage", "background", "wool",
     "clothing", "bark", "sand", "snow", "rice", "bread", "furniture", "jewelry", "jewellery",
     "meat", "hay", "upholstery", "makeup", "smoke", "foam", "guacamole", "broccoli"}
)  # fmt: skip
SINGLE = frozenset({"series", "species", "sheep", "deer", "fish", "aircraft"})
"""Nouns with the same singular and plural; treated as singular."""
PEOPLE = frozenset({"person", "man", "woman", "boy", "girl", "child", "baby"})
"""Names of one person."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def last_word(noun: str) -> str:
    """Return the last word of a noun phrase in lower case; "" if it has none."""
    return noun.lower().split()[-1] if noun.split() else ""


def is_plural(noun: str) -> bool:
    """Return whether a noun phrase takes `are`, judged by its last word (``left fingers`` does)."""
    last = last_word(noun)
    if last in PLURALS.values():
        return True
    if last in SINGULAR_IN_S | SINGLE or last.endswith(("ss", "us", "is", "ous")):
        return False
    return last.endswith("s")


def is_person(noun: str) -> bool:
    """Return whether a noun phrase names a person (``old man``)."""
    return last_word(noun) in PEOPLE


def is_mass(noun: str) -> bool:
    """Return whether a noun phrase is uncountable (``hair``), so that it takes no `an extra`."""
    return last_word(noun) in MASS


def plural(noun: str) -> str:
    """Return the plural: ``eyes``, ``feet``, ``tabby cats``. Plural and uncountable noun phrases
    are returned unchanged."""
    last = last_word(noun)
    if not last or last in SINGLE or is_plural(noun) or is_mass(noun):
        return noun
    stem = noun[: -len(last)]
    if last in PLURALS:
        return stem + PLURALS[last]
    if last.endswith("y") and last[-2:-1] not in "aeiou":
        return stem + last[:-1] + "ies"
    return stem + last + ("es" if last.endswith(("s", "x", "z", "ch", "sh")) else "s")


def possessive(noun: str) -> str:
    """Return the possessive: ``cat's``, ``sunglasses'``."""
    return noun + ("'" if noun.endswith("s") and is_plural(noun) else "'s")


def another(noun: str) -> str:
    """Name a second one: ``another cat``, ``other sunglasses``, ``other food``."""
    return f"other {noun}" if is_plural(noun) or is_mass(noun) else f"another {noun}"


def indefinite(noun: str, adjective: str = "") -> str:
    """Put the indefinite article before a noun: ``an owl``, ``a real owl``, ``sunglasses``, ``real
    hair``."""
    phrase = f"{adjective} {noun}".strip()
    if is_plural(noun) or is_mass(noun):
        return phrase
    vowel = phrase[:1].lower() in "aeiou" and not phrase.lower().startswith(("uni", "use", "eu"))
    return f"{'an' if vowel else 'a'} {phrase}"


def enumerate_words(items: list[str]) -> str:
    """Join words: ``a``, ``a and b``, ``a, b and c``."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]
