"""The compact explainer: sentences from a grammar over the record's facts (algorithm section 6).

A stand-in for a vision-language model: it does not look at the picture, it puts into words what was
done to it, and says nothing that the record does not hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stages.engine.files import sha256
from stages.engine.record import Entity, Explanation, Explanations, Scene, Variant
from stages.engine.seeding import generator
from stages.models.grammar import rules, words
from stages.models.names import UNSURE
from stages.models.protocols import Image

_SYMBOL = re.compile(r"<(\w+)>")
_TAG = re.compile(r"\[(\w+)\] ")
_VERB = {True: {"s": "", "es": "", "has": "have", "is": "are"},
         False: {"s": "s", "es": "s", "has": "has", "is": "is"}}  # fmt: skip
_DIRECTIONS = {
    "above": "above", "below": "below", "left": "to the left of", "right": "to the right of",
    "upper left": "above and to the left of", "upper right": "above and to the right of",
    "lower left": "below and to the left of", "lower right": "below and to the right of",
}  # fmt: skip
_KERNELS = frozenset(name.removeprefix("how_") for name in rules.DISTORT if name.startswith("how_"))


def direction_words(direction: object) -> str:
    """A direction of the record (``below``, ``above left``) as a preposition; "" if there is none.

    Raises:
        ValueError: a word this grammar does not know; better no text than a wrong one.
    """
    if not direction:
        return ""
    name = str(direction).replace("-", " ").replace("above ", "upper ").replace("below ", "lower ")
    if name not in _DIRECTIONS:
        raise ValueError(f"unknown direction {direction!r}")
    return _DIRECTIONS[name]


def slots(variant: Variant) -> dict[str, str]:
    """The facts of a variant as the grammar's slots."""
    part, entity = variant.part_name, variant.entity_name
    plural, plural_entity = words.is_plural(part), words.is_plural(entity)
    p, e = _VERB[plural], _VERB[plural_entity]
    other = f"the {variant.other_name}"
    if variant.other_name == part:
        other = f"another {part}"
    elif variant.other_name == entity and not variant.within_entity:
        other = f"another {entity}"
    many = words.is_plural(variant.other_name or "") and not other.startswith("another")
    pair = f"the {part} of the {entity} and {other}"
    if variant.within_entity:
        pair = f"the {part} and {other} of the {entity}"
    only = pair.removesuffix(f" of the {entity}")
    if variant.part == variant.entity:
        pair = f"the {entity} and {other}"
    return {
        "part": part, "entity": entity, "owners": f"the {words.possessive(entity)}",
        "s": p["s"], "es": e["es"], "has": p["has"], "ehas": e["has"],
        "is": p["is"], "is_e": e["is"], "do": "do" if plural else "does",
        "it": "them" if plural else "it", "its": "their" if plural else "its",
        "itself": "themselves" if plural else "itself",
        "it_is": "they are" if plural else "it is", "pl": "s" if plural else "",
        "direction": direction_words(variant.facts.get("direction")),
        "kernel": variant.kernel, "other": other, "pair": pair, "pair_only": only,
        "os": "" if many else "s",
    }  # fmt: skip


def conditions(variant: Variant) -> set[str]:
    """The tags of alternatives that may be used for a variant."""
    tags = {"dir" if variant.facts.get("direction") else "nodir"}
    if words.is_plural(variant.part_name):
        tags.add("many")
    else:
        tags.add("mass" if words.is_mass(variant.part_name) else "count")
    if variant.kernel in _KERNELS:
        tags.add("kernel")
    if variant.entity_name != UNSURE:
        tags.add("known")
    if not variant.within_entity:
        tags.add("apart")
    tags.add("entity" if variant.part == variant.entity else "part")
    return tags


class Writer:
    """Expands rules with one seeded generator, so that the same names give the same sentence."""

    def __init__(
        self,
        grammar: rules.Rules,
        facts: Mapping[str, str],
        tags: set[str],
        rng: np.random.Generator,
    ) -> None:
        self.grammar, self.facts, self.tags, self.rng = grammar, facts, tags, rng

    def _allowed(self, text: str) -> bool:
        tag = _TAG.match(text)
        return tag is None or tag[1] in self.tags

    def expand(self, symbol: str) -> str:
        """One sentence form of `symbol`, slots still open: names are never read as grammar."""
        choices = [text for text in self.grammar[symbol] if self._allowed(text)]
        text = _TAG.sub("", choices[int(self.rng.integers(len(choices)))], count=1)
        text = text.replace("{kernel}", self.facts.get("kernel", ""))
        return _SYMBOL.sub(lambda match: self.expand(match[1]), text)

    def sentence(self, symbol: str) -> str:
        """`expand` with slots filled and every sentence's first letter upper case."""
        text = self.expand(symbol).format_map(self.facts)
        return re.sub(r"(^|[.!?] )([a-z])", lambda match: match[1] + match[2].upper(), text)


def _things(entities: Sequence[Entity]) -> str:
    """``in and around the person and the cat``: at most two things, in order."""
    names = list(dict.fromkeys(entity.name for entity in entities))[:2]
    return f"in and around {words.enumerate_words([f'the {n}' for n in names])}" if names else ""


class GrammarExplainer:
    """Explainer (protocols.py) without a model."""

    name = "grammar"
    looks = False

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    @classmethod
    def revision(cls) -> str:
        """Digest of the grammar's sources."""
        sources = (rules.__file__, words.__file__, __file__)
        return sha256(b"".join(Path(source).read_bytes() for source in sources))[:16]

    def _writer(self, key: str, variant: Variant, purpose: str) -> Writer:
        own = rules.BY_TOOL[variant.tool]
        if variant.tool == "fuse" and variant.positional:
            own = rules.FUSE_POSITIONAL
        grammar = rules.COMMON | own | rules.OVERALL
        rng = generator(self.seed, key, variant.id, purpose)
        return Writer(grammar, slots(variant), conditions(variant), rng)

    def local(self, key: str, variant: Variant) -> str:
        """What is wrong, and where: one or two sentences."""
        return self._writer(key, variant, "explain-local").sentence("local")

    def overall(self, key: str, variant: Variant) -> str:
        """Why the image as a whole is flawed, from the same facts as `local`."""
        return self._writer(key, variant, "explain-overall").sentence("overall")

    def clean(self, scene: Scene) -> str:
        """Why the untouched photo is free of flaws."""
        place = _things(scene.entities) or "all over the scene"
        facts = {"in_scene": place, "In_scene": words.capitalise(place)}
        rng = generator(self.seed, scene.key, "explain-clean")
        return Writer(rules.CLEAN, facts, set(), rng).sentence("clean")

    def explain(
        self,
        scene: Scene,
        variants: Sequence[Variant],
        images: Mapping[str, tuple[Image, Image]],
    ) -> Explanations:
        """Words for `variants`; the images are not looked at."""
        return Explanations(
            key=scene.key,
            author=self.name,
            clean=self.clean(scene),
            explanations=[
                Explanation(
                    variant=variant.id,
                    tool=variant.tool,
                    local=self.local(scene.key, variant),
                    overall=self.overall(scene.key, variant),
                )
                for variant in variants
            ],
        )
