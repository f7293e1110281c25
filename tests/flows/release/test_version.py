from pathlib import Path

import pytest
import yaml

from flows.release.version import read_version, set_version
from stages.engine.workspace import FactoryError

ROOT = Path(__file__).parents[3]


def test_only_the_versions_line_of_params_changes() -> None:
    text = (ROOT / "params.yaml").read_text()
    changed = set_version(text, "v1.2")
    old, new = text.splitlines(), changed.splitlines()
    assert [(a, b) for a, b in zip(old, new, strict=True) if a != b] == [
        ('  version: ""', '  version: "v1.2"')
    ]
    assert (read_version(text), read_version(changed)) == ("", "v1.2")
    assert set_version(changed, "v1.2") == changed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "base: {seed: 1}",
        "package:\n  photos_per_shard: 3\nmap: {}\n",
        "package:\n    # a\n    version: v1 # b\n    splits:\n        version: no\n",
        "package:\n  splits:\n    version: no\n  version: 'v1'\n\nmap:\n  version: 3\n",
        "package: # nothing yet\nmap: {}\n",
    ],
)
def test_the_version_is_set_where_it_belongs(text: str) -> None:
    before = yaml.safe_load(text) or {}
    after = yaml.safe_load(set_version(text, "2024-05/ü"))
    assert after == before | {"package": (before.get("package") or {}) | {"version": "2024-05/ü"}}
    assert all(line in set_version(text, "v2") for line in text.splitlines() if "#" not in line
               and "version: v1" not in line and "'v1'" not in line)  # fmt: skip


@pytest.mark.parametrize(
    "text", ["package: {splits: {}}\n", "package:\n  {version: v1,\n   splits: {}}\n"]
)
def test_a_section_that_cannot_be_edited_is_an_error(text: str) -> None:
    with pytest.raises(FactoryError, match="write `version: v2` into it"):
        set_version(text, "v2")
