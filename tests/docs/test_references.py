"""Files, headings and params that the documentation names exist."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "docs", "flows", "requirements", "samples", "stages", "tests", "training",
           "weights", ".ci")  # fmt: skip
DOCUMENTS = sorted(
    path
    for path in chain(ROOT.glob("*.md"), *(ROOT.glob(f"{f}/**/*.md") for f in ("data", *FOLDERS)))
    if "prompts" not in path.parts and path.name != "card.md"
)
FILES = [
    path.as_posix()
    for path in chain(ROOT.iterdir(), *((ROOT / folder).rglob("*") for folder in FOLDERS))
]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
OPTIONAL = {"base.models"}
"""Keys that params.yaml may have and shows in a comment."""

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE_LINK = re.compile(r"\[`([\w./-]+\.[a-z]+)`\]\(([^)\s#]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(rf"(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./ -]*\w/?")
_FILE = re.compile(r"[\w/-]+\.(?:py|toml|yaml)")
_PARAM = re.compile(rf"(?:{'|'.join(PARAMS)})(?:\.[a-z_]+)+")


def prose(text: str) -> str:
    """The text of a document without its fenced blocks."""
    return _FENCE.sub("", text)


def links(text: str) -> Iterator[str]:
    """Targets of the links inside the repository."""
    return (link for link in _LINK.findall(prose(text)) if ":" not in link)


def spans(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    """The inline code that matches the whole pattern."""
    return (span for span in _SPAN.findall(prose(text)) if pattern.fullmatch(span))


def anchors(text: str) -> set[str]:
    """Anchors of a document's headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_there(link: str, document: Path) -> bool:
    """Whether a link's file and heading exist."""
    name, _, anchor = link.partition("#")
    target = document.parent / name if name else document
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target.read_text(encoding="utf-8"))


def is_param(name: str) -> bool:
    """Whether params.yaml has the key; a folder or a stage's attribute is none."""
    section = PARAMS
    for key in name.split("."):
        if not isinstance(section, dict) or key not in section:
            return name in OPTIONAL
        section = section[key]
    return True


def missing(document: Path) -> Iterator[str]:
    """What a document names and the repository lacks."""
    text = document.read_text(encoding="utf-8")
    yield from (link for link in links(text) if not is_there(link, document))
    for name, target in _CODE_LINK.findall(prose(text)):
        if ":" not in target and not f"/{target}".endswith(f"/{name}"):
            yield f"{name} for {target}"
    yield from (path for path in spans(text, _PATH) if not (ROOT / path).exists())
    for name in spans(text, _FILE):
        if not any(path.endswith(f"/{name}") for path in FILES):
            yield name
    yield from (name for name in spans(text, _PARAM) if not is_param(name))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_names_exists(document):
    assert list(missing(document)) == []


def test_what_is_missing_is_found(tmp_path):
    document = tmp_path / "one.md"
    document.write_text(
        "# A title, here\n[`two.py`](one.md) [here](#a-title-here) [no](#none) `stages/none.py`\n"
        "`none.toml` `map.none` `map.variants`\n```\n`fenced.py`\n```\n"
    )
    assert list(missing(document)) == [
        "#none", "two.py for one.md", "stages/none.py", "two.py", "stages/none.py", "none.toml",
        "map.none",
    ]  # fmt: skip
