from __future__ import annotations

import pytest

from stages.package.rights import HUB, hub_name, problem, problems


@pytest.mark.parametrize(
    "licence",
    ["CC0-1.0", "cc-by-4.0", "CC-BY-NC-SA-4.0", "CC-PDM-1.0", "MIT AND CC-BY-4.0", "openrail++"],
)
def test_known_identifiers_may_be_passed_on(licence):
    assert problem(licence) is None


@pytest.mark.parametrize(
    "words",
    [
        "All-rights-reserved", "proprietary", "none", "NONE", "NOASSERTION", "-", "other", "cc",
        "CC", "CC BY 4.0", "MIT (package); photographers not named", "LicenseRef-proprietary",
        "MIT AND LicenseRef-mine", "((((", "MIT OR", "https://example.org/licence", "CC0-1.0\n# x",
    ],
)  # fmt: skip
def test_other_words_may_not(words):
    assert problem(words) == "not an SPDX identifier"


@pytest.mark.parametrize("licence", ["CC-BY-ND-4.0", "cc-by-nc-nd-3.0", "MIT AND CC-BY-ND-2.0"])
def test_altered_copies_must_be_allowed(licence):
    assert problem(licence) == "allows no altered copies"


def test_nobody_said():
    assert problem("unknown") == problem("Unknown") == "nobody named a licence"


def test_problems_are_counted_and_the_most_frequent_comes_first():
    assert problems(["none", "MIT", "unknown", "unknown"]) == [
        ("unknown", 2, "nobody named a licence"),
        ("none", 1, "not an SPDX identifier"),
    ]


def test_the_hubs_names_are_its_own():
    assert hub_name("CC0-1.0") == "cc0-1.0" and hub_name("CC-PDM-1.0") is None
    assert not {"unknown", "other", "cc"} & HUB
