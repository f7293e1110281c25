"""Format the record's facts about a flaw as the ground truth in a model's prompts."""

from __future__ import annotations

from stages import tools
from stages.models.explainer.grammar.explainer import GrammarExplainer
from stages.models.explainer.intent import describe_intent
from stages.models.explainer.nouns import NUMBERS, plural
from stages.models.explainer.phrases import PLACES, STRIPS, source_words
from stages.records.documents import Variant
from stages.tools.aspects.briefing import BriefingAspect

_SIZES = {"tiny": "a tiny part", "small": "a small part", "large": "a large part"}
_EXTENTS = {"piece": "a small piece", "half": "about half", "most": "most"}


def format_facts(key: str, variant: Variant, seed: int) -> str:
    """Format the facts as a list, which ends with the grammar's sentence, true by construction.

    Args:
        key: key of the photo.
        variant: the flaw.
        seed: seed of the grammar.
    """
    facts = [
        f"kind of flaw: {tools.aspect(variant.tool, BriefingAspect).kind}",
        f"thing: {variant.entity_name}",
        f"part: {variant.part_name}",
        f"what was done: {describe_intent(variant)}",
        f"a true description: {GrammarExplainer(seed).local(key, variant)}",
    ]
    if variant.positional:
        facts.insert(3, "the part is known by its place only: do not guess what it is")
    facts[-1:-1] = list_details(variant)
    return "\n".join(f"- {fact}" for fact in facts)


def list_details(variant: Variant) -> list[str]:
    """Return a phrase for each fact of the record beyond names and tool."""
    facts, found = variant.facts, list[str]()
    kernels = tools.aspect(variant.tool, BriefingAspect).kernels
    if variant.kernel in kernels:
        found.append(f"what happened to it: {kernels[variant.kernel]}")
    if "strips" in facts:
        found.append(f"the bands are {STRIPS[facts['strips']]}")
    if "sense" in facts:
        found.append(f"it was turned {facts['sense']}")
    if "source_direction" in facts:
        found.append(f"what stands in its place comes {source_words(facts['source_direction'])}")
    if "source_kind" in facts:
        source = {"entity": f"more of the {variant.entity_name}", "surroundings": "surroundings"}
        shown = source.get(facts["source_kind"], f"a piece of the {facts.get('source')}")
        found.append(f"in its place one sees: {shown}")
    if "place" in facts:
        found.append(f"where, as the viewer sees it: {PLACES[facts['place']]}")
    if "viewer_side" in facts:
        side = facts["viewer_side"]
        found.append(f"this {variant.part_kind} is the one on the viewer's {side}")
    if "size" in facts:
        found.append(f"the flaw covers {_SIZES[facts['size']]} of the picture")
    if "extent" in facts:
        found.append(f"it covers {_EXTENTS[facts['extent']]} of the {variant.entity_name}")
    if "count" in facts:
        number = NUMBERS[facts["count"]]
        noun = variant.part_kind if number == "one" else plural(variant.part_kind)
        found.append(f"number to be seen now: {number} {noun}")
    return found
