from pathlib import Path

import pytest
import yaml

from flows.release.version import Name, read_name, set_name
from stages.engine.workspace import FactoryError

ROOT = Path(__file__).parents[3]


NAME = Name("v1.2", "2026-11-26")


def test_only_the_lines_of_the_name_change_in_params() -> None:
    text = (ROOT / "params.yaml").read_text()
    changed = set_name(text, NAME)
    old, new = text.splitlines(), changed.splitlines()
    assert [(a, b) for a, b in zip(old, new, strict=True) if a != b] == [
        ("  version: ''", "  version: v1.2"),
        ("  published: ''", "  published: '2026-11-26'"),
    ]
    assert (read_name(text), read_name(changed)) == (Name("", ""), NAME)
    assert set_name(changed, NAME) == changed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "base: {seed: 1}",
        "package:\n  photos_per_shard: 3\nmap: {}\n",
        "package:\n    # a\n    version: v1 # b\n    splits:\n        version: no\n",
        "package:\n  splits:\n    version: no\n  version: 'v1'\n\nmap:\n  version: 3\n",
        "package:\n  published: 2026-01-01 # day\n",
        "package: # nothing yet\nmap: {}\n",
    ],
)
def test_the_name_is_set_where_it_belongs(text: str) -> None:
    name = Name("2024-05/ü", "2026-11-26")
    after = set_name(text, name)
    before = yaml.safe_load(text) or {}
    section = (before.get("package") or {}) | {"version": name.version, "published": name.published}
    assert yaml.safe_load(after) == before | {"package": section}
    assert {word for word in text.split() if word.startswith("#")} <= set(after.split())
    assert read_name(after) == name


@pytest.mark.parametrize(
    "text", ["package: {splits: {}}\n", "package:\n  {version: v1,\n   splits: {}}\n"]
)
def test_a_section_that_cannot_be_edited_is_an_error(text: str) -> None:
    with pytest.raises(
        FactoryError, match=r"write `version: v1.2` and `published: \"2026-11-26\"`"
    ):
        set_name(text, NAME)


@pytest.mark.parametrize("text", ["package: 3", "a: [", "- 1", "package:\n  version:\n"])
def test_params_without_a_name_have_none(text: str) -> None:
    assert read_name(text) == Name("", "")
