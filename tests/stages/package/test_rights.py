from __future__ import annotations

from dataclasses import replace

import pytest

from stages.package.rights import (
    HUB,
    NOT_AN_IDENTIFIER,
    NOT_ATTRIBUTED,
    NOT_GIVEN,
    LicencePolicy,
    Rights,
    find_photo_problem,
    find_problem,
    find_problems,
    hub_name,
)


@pytest.mark.parametrize(
    "licence",
    ["CC0-1.0", "cc-by-4.0", "CC-BY-NC-SA-4.0", "CC-PDM-1.0", "MIT AND CC-BY-4.0", "openrail++"],
)
def test_known_identifiers_may_be_passed_on(licence):
    assert find_problem(licence) is None


@pytest.mark.parametrize(
    "words",
    [
        "All-rights-reserved", "proprietary", "none", "NONE", "NOASSERTION", "-", "other", "cc",
        "CC", "CC BY 4.0", "MIT (package); photographers not named", "LicenseRef-proprietary",
        "MIT AND LicenseRef-mine", "((((", "MIT OR", "https://example.org/licence", "CC0-1.0\n# x",
    ],
)  # fmt: skip
def test_other_text_may_not_be_passed_on(words):
    assert find_problem(words) == NOT_AN_IDENTIFIER


@pytest.mark.parametrize("licence", ["CC-BY-ND-4.0", "cc-by-nc-nd-3.0", "MIT AND CC-BY-ND-2.0"])
def test_altered_copies_must_be_allowed(licence):
    problem = find_problem(licence)
    assert problem and (problem.kind, problem.why) == ("denied", "allows no altered copies")


def test_unknown_licence_may_not_be_passed_on():
    assert find_problem("unknown") == find_problem("Unknown") == NOT_GIVEN


@pytest.mark.parametrize(
    ("licence", "kind"),
    [
        ("CC-BY-4.0", None),
        ("cc-by-sa-4.0", None),
        ("CC-BY-NC-4.0", "denied"),
        ("MIT", "denied"),
        ("MIT OR CC-BY-4.0", None),
        ("MIT AND CC-BY-4.0", "denied"),
        ("CC-BY-4.0 AND (MIT OR CC0-1.0)", None),
        ("MIT AND CC0-1.0 OR CC-BY-4.0", None),
        ("GPL-2.0-only WITH Classpath-exception-2.0", None),
        ("LicenseRef-mine OR CC-BY-4.0", None),
        ("LicenseRef-mine AND MIT", "denied"),
        ("LicenseRef-mine AND CC-BY-4.0", "unknown"),
        ("mine, all mine", None),
        ("mine", "unknown"),
    ],
)
def test_a_policy_applies_to_the_identifiers_of_an_expression(licence, kind):
    policy = LicencePolicy(allow=("cc*", "GPL-2.0*", "Mine, all mine"), deny=("*-NC-*",))
    problem = find_problem(licence, policy)
    assert (problem.kind if problem else None) == kind


def test_a_denied_licence_names_the_pattern():
    problem = find_problem("CC-BY-NC-4.0", LicencePolicy(deny=("*-NC-*",)))
    assert str(problem) == "`package.licences.deny` has *-NC-*"


def test_references_of_pinned_weights_are_known():
    assert find_problem("LicenseRef-NC-x", references=True) is None
    assert find_problem("LicenseRef-NC-x", LicencePolicy(deny=("*-nc-*",)), references=True)


def test_deep_and_long_expressions_end():
    for text in ("(" * 240 + "MIT" + ")" * 240, " AND ".join(["(MIT OR CC0-1.0)"] * 25)):
        find_problem(text)


def test_a_licence_that_asks_for_the_creator_needs_a_name():
    nobody = Rights("CC-BY-4.0", "unknown", "unknown")
    assert find_photo_problem(nobody) == NOT_ATTRIBUTED
    for named in (replace(nobody, creator="Ada"), replace(nobody, origin="https://a.example")):
        assert find_photo_problem(named) is None
    assert find_photo_problem(replace(nobody, licence="CC0-1.0")) is None


def test_problems_are_counted_most_frequent_first():
    licences = ["none", "MIT", "unknown", "unknown"]
    assert find_problems(Rights(licence, "Ada", "here") for licence in licences) == [
        ("unknown", 2, NOT_GIVEN),
        ("none", 1, NOT_AN_IDENTIFIER),
    ]


def test_hub_names_are_lower_case_and_specific():
    assert hub_name("CC0-1.0") == "cc0-1.0" and hub_name("CC-PDM-1.0") is None
    assert not {"unknown", "other", "cc"} & HUB
