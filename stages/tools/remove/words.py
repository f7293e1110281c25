"""Sentences about a removed part and what took its place."""

from __future__ import annotations

from stages.tools.aspects.words import Rules, WordsAspect

RULES: Rules = {
    "local": (
        "<gone>.<tail>",
        "<gone>, <contrast> <norm_or>.<tail>",
        "<gone>; <norm_or>.<tail>",
        "<gone>. <norm_or>.<tail>",
        "<gone>, <unreal>.<tail>",
        "<gone>. <unreal_sentence><tail>",
        "<gone>, and there is only {filler} in its place.<tail>",
        "<gone>. In its place there is only {filler}, <unreal>.",
        "<gone>, as if it had been erased.<tail>",
        "<gone>, and {filler} fills the place.<tail>",
        "Where <part> should be, there is only {filler}.<tail>",
        "Where <part> should be, only {filler} can be seen, <unreal>.",
        "<part> {has} been replaced by {filler}, <unreal>.<tail>",
        "There should be {a_part} here, but the {entity} {ehas} none.<tail>",
        "The structure of the {entity} is incomplete: <gone_short>.<tail>",
        "The structure of the {entity} is not complete, because <gone_short>. <norm_or>.",
        "[norm] <norm>, but here <gone>.<tail>",
        "[norm] <norm>. In the image, <gone>.",
        "[where] <should>, but <part> {is} missing.<tail>",
        "[where] <should>. However, <gone>.",
        "[count] <gone>, so <left>. <norm_or>.",
        "[count] <gone> and <left>, <contrast> <norm_or>.",
        "[place] <in_place>, <gone>, <unreal>.",
        "[place] <in_place>, <gone>. <norm_or>.",
    ),
    "clause": (
        "<gone>",
        "<gone>",
        "there is only {filler} where <part> should be",
        "<part> {has} been replaced by {filler}",
    ),
    "gone": (
        "<part> {is} missing",
        "<part> {is} missing",
        "the {entity} {is_e} missing the {part}",
        "the {entity} {ehas} no {part}",
        "<part> {has} disappeared",
        "<part> {is} completely gone",
        "<part> {is} not there",
    ),
    "norm": (
        "{owner} should have {number}",
        "{owner} should have {number}",
        "{owner} normally has {number}",
        "in reality, {owner} has {number}",
    ),
    "gone_short": ("the {part} {is} missing", "the {part} {is} absent", "the {part} {is} gone"),
    "norm_or": (
        "[norm] <norm>",
        "[norm] <norm>",
        "[where] <should>",
        "the {part} should be visible",
        "[known] {real_entity} would have {it}",
        "[known] {real_entity} {do_e} not look like this",
    ),
    "should": (
        "there should be {a_kind} {where}",
        "normally there is {a_kind} {where}",
        "a real {entity} has {a_kind} {where}",
    ),
    "filler": (
        "[fromdir] texture taken {from}",
        "[fromdir] texture {from}",
        "[frompart] the texture of the {source}",
        "[frompart] part of the {source}",
        "[fromself] the surface around it",
        "[fromself] the nearby surface",
        "[fromthing] part of the {source}",
        "[fromthing] the texture of the {source}",
        "[fromaround] the background",
        "[fromaround] background texture",
        "[fromnowhere] the texture around it",
        "[fromnowhere] texture from nearby",
    ),
    "left": ("only one {kind} is left", "only one {kind} can be seen"),
    "side": (
        "It should be on the viewer's {viewer}.",
        "It is the {kind} on the viewer's {viewer}.",
        "The missing {kind} should be on the viewer's {viewer}.",
    ),
    "count": (
        "There is only one {kind}.",
        "Only one {kind} can be seen.",
        "The {entity} {is_e} left with only one {kind}.",
    ),
}

ASPECT = WordsAspect(RULES, label="missing {part}", shared="filler")
