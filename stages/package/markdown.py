"""Write Markdown from text that others wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def escape(text: object) -> str:
    """Write text on one line, so that it cannot end a table cell or start markup."""
    plain = " ".join(str(text).split())
    for mark in "\\`*_[]<>|":
        plain = plain.replace(mark, "\\" + mark)
    return plain


def write_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table; the cells are escaped, the head is not."""
    lines = [head, ["---"] * len(head), *[[escape(v) for v in row] for row in rows]]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
