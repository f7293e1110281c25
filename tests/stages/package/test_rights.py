from __future__ import annotations

import pytest

from stages.package.rights import HUB, find_problem, find_problems, hub_name


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
    assert find_problem(words) == "not an SPDX identifier"


@pytest.mark.parametrize("licence", ["CC-BY-ND-4.0", "cc-by-nc-nd-3.0", "MIT AND CC-BY-ND-2.0"])
def test_altered_copies_must_be_allowed(licence):
    assert find_problem(licence) == "allows no altered copies"


def test_unknown_licence_may_not_be_passed_on():
    assert find_problem("unknown") == find_problem("Unknown") == "no licence is given"


def test_problems_are_counted_most_frequent_first():
    assert find_problems(["none", "MIT", "unknown", "unknown"]) == [
        ("unknown", 2, "no licence is given"),
        ("none", 1, "not an SPDX identifier"),
    ]


def test_hub_names_are_lower_case_and_specific():
    assert hub_name("CC0-1.0") == "cc0-1.0" and hub_name("CC-PDM-1.0") is None
    assert not {"unknown", "other", "cc"} & HUB
