"""Check that the files, headings and params that the documentation names exist."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDERS = ("applications", "benchmarks", "docs", "flows", "requirements", "samples", "stages",
           "tests", "training", "weights", ".ci")  # fmt: skip
DOCUMENTS = sorted(
    path
    for path in chain(ROOT.glob("*.md"), *(ROOT.glob(f"{folder}/**/*.md") for folder in FOLDERS))
    if "prompts" not in path.parts and path.name != "card.md"
)
FILES = [
    path.as_posix()
    for path in chain(ROOT.iterdir(), *((ROOT / folder).rglob("*") for folder in FOLDERS))
]
DOCUMENTS.append(ROOT / "data" / "README.md")
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
OPTIONAL = {"base.models"}
"""Keys that params.yaml shows in a comment only."""

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE_LINK = re.compile(r"\[`([\w./-]+\.[a-z]+)`\]\(([^)\s#]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(rf"(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./ -]*\w/?")
_FILE = re.compile(r"[\w/-]+\.(?:py|toml|yaml)")
_PARAM = re.compile(rf"(?:{'|'.join(PARAMS)})(?!\.dvc$)(?:\.[a-z_]+)+")


def strip_fences(text: str) -> str:
    """Return a document's text without its fenced blocks."""
    return _FENCE.sub("", text)


def find_links(text: str) -> Iterator[str]:
    """Yield the targets of links inside the repository."""
    return (link for link in _LINK.findall(strip_fences(text)) if ":" not in link)


def find_spans(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    """Yield the inline code that matches the pattern as a whole."""
    return (span for span in _SPAN.findall(strip_fences(text)) if pattern.fullmatch(span))


def find_anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", strip_fences(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def link_exists(link: str, document: Path) -> bool:
    """Return whether a link's file and heading exist."""
    name, _, anchor = link.partition("#")
    target = document.parent / name if name else document
    if not target.exists():
        return False
    return not anchor or anchor in find_anchors(target.read_text(encoding="utf-8"))


def param_exists(name: str) -> bool:
    """Return whether params.yaml has the dotted key."""
    section = PARAMS
    for key in name.split("."):
        if not isinstance(section, dict) or key not in section:
            return name in OPTIONAL
        section = section[key]
    return True


def find_missing(document: Path) -> Iterator[str]:
    """Yield what a document names and the repository lacks."""
    text = document.read_text(encoding="utf-8")
    yield from (link for link in find_links(text) if not link_exists(link, document))
    for name, target in _CODE_LINK.findall(strip_fences(text)):
        if ":" not in target and not f"/{target}".endswith(f"/{name}"):
            yield f"{name} for {target}"
    yield from (path for path in find_spans(text, _PATH) if not (ROOT / path).exists())
    for name in find_spans(text, _FILE):
        if not any(path.endswith(f"/{name}") for path in FILES):
            yield name
    yield from (name for name in find_spans(text, _PARAM) if not param_exists(name))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_names_exists(document):
    assert list(find_missing(document)) == []


def test_what_is_missing_is_found(tmp_path):
    document = tmp_path / "one.md"
    document.write_text(
        "# A title, here\n[`two.py`](one.md) [here](#a-title-here) [no](#none) `stages/none.py`\n"
        "`none.toml` `map.none` `map.variants`\n```\n`fenced.py`\n```\n"
    )
    assert list(find_missing(document)) == [
        "#none", "two.py for one.md", "stages/none.py", "two.py", "stages/none.py", "none.toml",
        "map.none",
    ]  # fmt: skip
