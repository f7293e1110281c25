"""Sentences about a part and its copy."""

from __future__ import annotations

from stages.tools.aspects.words import Rules, WordsAspect

RULES: Rules = {
    "local": (
        "<shows>, <contrast> <norm_or>.<tail>",
        "<shows>; <norm_or>.<tail>",
        "<shows>. <norm_or>.<tail>",
        "<shows>. <norm_or>, so <wrong>.",
        "<shows>, <unreal>.<tail>",
        "<shows>. <unreal_sentence><tail>",
        "<shows>, and it does not belong there.<tail>",
        "<shows>, as if {it_was} copied.<tail>",
        "[one] <number_wrong>, as <shows>. <norm_or>.",
        "[one] <number_wrong>: <shows>.<tail>",
        "[one] <number_wrong>, because <shows>, <unreal>.",
        "[norm] <norm>, but here <shows>.<tail>",
        "[norm] <norm>. In the image, <shows>.",
        "[count] <counted>, with <extra> <near_it>, <contrast> <norm_or>.",
        "[count] <counted>, <unreal>. <shows>.",
        "[count] <shows>, so <counted>. <norm_or>.",
        "[place] <in_place>, <shows>, <unreal>.",
        "[place] <in_place>, <shows>. <norm_or>.",
    ),
    "clause": (
        "<shows>",
        "<shows>",
        "the {entity} {ehas} <extra>",
        "there is <extra> <near_part>",
    ),
    "shows": (
        "the {entity} {ehas} <extra>",
        "the {entity} {ehas} <extra> <near_it>",
        "the {entity} {ehas} <extra> <near_it>",
        "there is <extra> <near_part>",
        "<extra> appears <near_part>",
        "<extra> can be seen <near_part>",
        "<near_part> there is <extra>",
        "<part> appear{s} twice, with the extra one{pl} <near_it>",
        "<part> {has} been duplicated <near_it>",
    ),
    "extra": (
        "[one] an extra {part}",
        "[one] an extra {part}",
        "[one] a second {part}",
        "[one] another {part}",
        "[one] an additional {part}",
        "[many] an extra set of {part}",
        "[many] a second set of {part}",
        "[mass] an extra copy of the {part}",
        "[mass] a second copy of the {part}",
    ),
    "near_part": (
        "[dir] {direction} <part>",
        "[dir] just {direction} <part>",
        "[nodir] next to <part>",
        "[nodir] close to <part>",
    ),
    "near_it": (
        "[dir] {direction} the real one{pl}",
        "[dir] just {direction} the real one{pl}",
        "[dir] {direction} the original one{pl}",
        "[nodir] next to the real one{pl}",
        "[nodir] close to the original one{pl}",
    ),
    "number_wrong": (
        "the number of {kinds} is wrong",
        "the number of {kinds} is incorrect",
        "the number of {kinds} does not match reality",
    ),
    "counted": (
        "the {entity} {ehas} {count} {kinds}",
        "there are {count} {kinds} on the {entity}",
    ),
    "norm_or": (
        "[norm] <norm>",
        "[norm] <norm>",
        "[norm] <norm>",
        "the extra one{pl} should not be there",
        "[known] {real_entity} {do_e} not have <extra>",
    ),
    "wrong": ("this is wrong", "the number does not match", "this is not realistic"),
    "side": (
        "The real one{pl} {is} on the viewer's {viewer}.",
        "It is the {kind} on the viewer's {viewer} that appears twice.",
        "The {kind} on the viewer's {viewer} was repeated.",
    ),
    "count": (
        "This makes {count} {kinds} in total.",
        "There are {count} {kinds} in total.",
        "The {entity} {ehas} {count} {kinds} in total.",
    ),
}

ASPECT = WordsAspect(RULES, label="extra {part}")
