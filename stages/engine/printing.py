"""Make text of others fit to be printed: names of files, texts of records, answers of servers."""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters except tab and line feed, characters that change the direction of text or
break lines, and surrogates, which no terminal can encode."""


def printable(text: str) -> str:
    """Return a text in which what would change the terminal, not be seen, or not be encodable is
    written as ``\\x1b`` or ``\\u202e``; bytes of a file name that are not UTF-8 as ``\\xff``."""
    return _UNSAFE.sub(_escape, text)


def one_line(text: str) -> str:
    """Return a printable text with line feeds written as ``\\n``, so that it cannot pass for other
    lines of the output."""
    return printable(text).replace("\n", "\\n")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte, as `os.fsdecode` keeps it
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
