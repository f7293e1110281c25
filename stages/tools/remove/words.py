"""Sentences about a removed part and what took its place."""

from __future__ import annotations

from stages.tools.aspects.words import Rules, WordsAspect

RULES: Rules = {
    "local": (
        "<part> {is} <gone>.<tail>",
        "The {entity} lack{es} the {part} that should be there.<tail>",
        "Where <part> should be, there is <only> {filler}.<tail>",
        "<part> {has} <vanished>, and {filler} <fills> the place.<tail>",
        "{filler} has taken the place of <part>.<tail>",
        "One expects to see <part>, but {it_is} <gone>.<tail>",
        "Instead of <part>, the image shows {filler}.<tail>",
        "The {part} that the {entity} should have {is} <gone>; {filler} <fills> the place.<tail>",
        "There is an unexplained blank where <part> belong{s}.<tail>",
        "The {entity} {is_e} shown without the {part} that belong{s} there.<tail>",
        "<look>, <part> {is} <gone>.<tail>",
        "{filler} lies where <part> should be.<tail>",
        "<part> should be visible here, yet {it_is} <gone>.<tail>",
        "Something is <gone> from the {entity}: the {part}.<tail>",
        "The {entity} look{es} incomplete, because the {part} {is} <gone>.<tail>",
        "<part> {has} been replaced by {filler}.<tail>",
        "The spot that belongs to <part> holds <only> {filler} instead.<tail>",
        "The {entity} {ehas} no {part} in the place where one would look for {it}.<tail>",
        "<part> {has} <vanished> without a reason in the scene.<tail>",
        "One looks in vain for <part>: there is <only> {filler}.<tail>",
        "[place] {in_place}, <part> {is} <gone>.<why>",
        "[place] {in_place}, {filler} stands where <part> should be.<why>",
    ),
    "clause": (
        "<part> {is} <gone>",
        "<part> {has} <vanished>",
        "the {entity} lack{es} the {part} that should be there",
        "there is <only> {filler} where <part> should be",
        "<part> {has} been replaced by {filler}",
    ),
    "gone": ("missing", "absent", "gone", "not there"),
    "vanished": ("vanished", "disappeared", "gone missing"),
    "only": ("only", "nothing but", "just"),
    "filler": (
        "[fromdir] texture carried over {from}",
        "[fromdir] texture that has come in {from}",
        "[fromdir] texture drawn in {from}",
        "[frompart] more of the {source}",
        "[frompart] a piece of the {source}",
        "[fromself] more of the {entity}",
        "[fromself] the nearby surface of the {entity}",
        "[fromthing] a piece of the {source}",
        "[fromaround] a continuation of the surroundings",
        "[fromaround] what lies around the {entity}",
        "[fromnowhere] the neighbouring texture",
        "[fromnowhere] texture borrowed from nearby",
    ),
    "fills": ("fills", "covers", "takes"),
    "side": (
        "The place for {it} is on the viewer's {viewer}.",
        "What one misses is the {kind} on the viewer's {viewer}.",
        "It is the {kind} on the viewer's {viewer} that one misses.",
    ),
    "count": (
        "That leaves only one {kind}.",
        "Only one {kind} remains.",
        "The {entity} {is_e} shown with only one {kind}.",
    ),
    "why": (
        "<nothing> <explains> the absence.",
        "The absence has no natural <cause>.",
        "The rest of the {entity} does not <account> for it.",
        "The neighbouring texture has spread over the <spot>.",
        "The {entity} {is_e} <left> incomplete.",
        "Nothing <hides> {it}; {it_is} simply not shown.",
    ),
    "nothing": ("Nothing in the scene", "Nothing around it", "Nothing in the picture"),
    "cause": ("cause", "reason", "explanation"),
    "account": ("account", "make up"),
    "left": ("shown", "rendered", "made"),
    "hides": ("hides", "covers", "stands before"),
    "explains": ("explains", "accounts for"),
}

ASPECT = WordsAspect(RULES, label="missing {part}", shared="filler")
