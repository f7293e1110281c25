"""The compact explainer: sentences from a grammar over the record's facts (algorithm section 6).

A stand-in for a vision-language model. It does not look at the picture: it describes what was done
to it, from the facts of the record only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from stages import tools
from stages.engine.files import canonical_json, sha256
from stages.models.explainer import nouns
from stages.models.explainer.grammar import rules
from stages.models.explainer.grammar.knowledge import KINDS, find_kind
from stages.models.explainer.grammar.slots import conditions, slots
from stages.models.explainer.grammar.writer import Writer
from stages.models.explainer.label import describe_label
from stages.models.protocols import Image
from stages.records.documents import (
    Entity,
    Explanation,
    Explanations,
    PictureText,
    Scene,
    Variant,
)
from stages.records.seeding import generator
from stages.tools.aspects.words import WordsAspect


def _describe_scene(entities: Sequence[Entity]) -> str:
    """Return e.g. ``the people and the cat``: at most two names, in order."""
    counts = Counter(entity.name for entity in entities)
    names = [nouns.plural(name) if counts[name] > 1 else name for name in list(counts)[:2]]
    return nouns.enumerate_words([f"the {name}" for name in names or ["scene"]])


def _list_parts(entities: Sequence[Entity]) -> str:
    """Return e.g. ``the cat's head and tail``: up to three named parts of the first entity that has
    at least two and is the only one of its name."""
    counts = Counter(entity.name for entity in entities)
    for entity in entities:
        names = list(dict.fromkeys(p.name for p in entity.parts if not p.positional))[:3]
        if len(names) > 1 and counts[entity.name] == 1:
            return f"the {nouns.possessive(entity.name)} {nouns.enumerate_words(names)}"
    return ""


class GrammarExplainer:
    """Explainer (protocols.py) without a model."""

    name = "grammar"
    looks = False

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the rules, including those of the tools."""
        words = {tool: asdict(found) for tool, found in tools.by_tool(WordsAspect).items()}
        kinds = [{name: asdict(kind) for name, kind in found.items()} for found in KINDS]
        shared = (rules.OVERALL, rules.COMMON, rules.CLEAN, rules.PICTURE, kinds)
        return sha256(canonical_json([words, *shared]))[:16]

    def shared(self, key: str, variant: Variant) -> str:
        """Return the phrase that the local and the overall text share; "" if the tool has none."""
        words = tools.aspect(variant.tool, WordsAspect)
        if words.shared is None:
            return ""
        rng = generator(self.seed, key, variant.id, "explain-shared")
        writer = Writer(words.rules, slots(variant), conditions(variant), rng)
        return writer.phrase(words.shared)

    def _make_writer(self, key: str, variant: Variant, purpose: str) -> Writer:
        words = tools.aspect(variant.tool, WordsAspect)
        own = words.positional if words.positional and variant.positional else words.rules
        rng = generator(self.seed, key, variant.id, purpose)
        kind = find_kind(variant)
        facts, tags = slots(variant), conditions(variant)
        if words.shared:
            facts[words.shared] = self.shared(key, variant)
        grammar = rules.COMMON | own | rules.OVERALL | {"real": kind.real if kind else ()}
        return Writer(grammar, facts, tags, rng)

    def local(self, key: str, variant: Variant) -> str:
        """Write what is wrong, and where: one to three sentences."""
        return self._make_writer(key, variant, "explain-local").sentence("local")

    def overall(self, key: str, variant: Variant) -> str:
        """Write why the image as a whole is flawed, from the same facts as `local`."""
        return self._make_writer(key, variant, "explain-overall").sentence("overall")

    def clean(self, scene: Scene) -> str:
        """Write why the untouched photo is free of flaws."""
        facts = {"scene": _describe_scene(scene.entities), "parts": _list_parts(scene.entities)}
        tags = {"parts"} if facts["parts"] else set[str]()
        rng = generator(self.seed, scene.key, "explain-clean")
        return Writer(rules.CLEAN, facts, tags, rng).sentence("clean")

    def explain(
        self,
        scene: Scene,
        variants: Sequence[Variant],
        images: Mapping[str, tuple[Image, Image]],
    ) -> Explanations:
        """Write the texts of `variants` and of the photo; `images` is not used."""
        return Explanations(
            key=scene.key,
            author=self.name,
            clean=self.clean(scene),
            explanations=[
                Explanation(
                    variant=variant.id,
                    tool=variant.tool,
                    label=describe_label(variant),
                    local=self.local(scene.key, variant),
                    overall=self.overall(scene.key, variant),
                )
                for variant in variants
            ],
        )

    def compose(
        self,
        scene: Scene,
        flaws: Sequence[tuple[Variant, Explanation]],
        images: tuple[Image, Image] | None,
    ) -> PictureText:
        """Write the text about several flaws from the clauses of each; `images` is not used."""
        variants = [variant for variant, _ in flaws]
        picture, count = variants[0].picture, nouns.NUMBERS[len(variants)]
        clauses = [
            self._make_writer(scene.key, variant, "explain-picture").phrase("clause")
            for variant in variants
        ]
        mark = ";" if any("," in clause for clause in clauses) else ","
        joined = f"{mark} ".join([*clauses[:-1], f"and {clauses[-1]}"])
        if len(clauses) == 2 and mark == ",":
            joined = " and ".join(clauses)
        facts = {"count": count, "clauses": joined}
        rng = generator(self.seed, scene.key, picture, "explain-picture")
        text = Writer(rules.PICTURE, facts, set[str](), rng).sentence("picture")
        return PictureText(picture=picture, variants=[v.id for v in variants], overall=text)
