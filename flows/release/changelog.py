"""Entries of CHANGELOG.md, one for each release, the newest first."""

from __future__ import annotations

import re

from flows.comparison.report import Report, to_markdown

CHANGELOG = "CHANGELOG.md"
_TITLE = "# Changelog of the data set\n"


def make_entry(version: str, date: str, contents: str, comparison: str) -> str:
    """Make an entry.

    Args:
        version: name of the release.
        date: day of the release.
        contents: a sentence on what the release contains.
        comparison: Markdown on what changed since the release before.
    """
    parts = [f"## {version} ({date})", contents, comparison.strip()]
    return "\n\n".join(filter(None, parts)) + "\n"


def describe_comparison(report: Report) -> str:
    """Describe what changed, as Markdown."""
    if report.is_same:
        return f"The pairs are those of {report.before.name}."
    return to_markdown(report)


def has_entry(text: str, version: str) -> bool:
    """Whether a changelog has an entry for a version."""
    return _entry(version).search(text) is not None


def insert_entry(text: str, version: str, entry: str) -> str:
    """Return the changelog with an entry before the others, in place of one for the version."""
    text = _entry(version).sub("", text) or _TITLE
    first = re.search(r"^## ", text, re.M)
    if first:
        return f"{text[: first.start()]}{entry}\n{text[first.start() :]}"
    return f"{text.rstrip()}\n\n{entry}"


def _entry(version: str) -> re.Pattern[str]:
    return re.compile(rf"^## {re.escape(version)}(?= |$)[^\n]*\n(?:(?!## ).*\n?)*", re.M)
