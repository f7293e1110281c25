"""Reject codes. Each is declared once, in an enumeration beside the code that raises it.

A stage lists its enumerations in `Stage.codes`; its gate reads from there which codes are known and
which photos and variants are set aside.

A photo that is *set aside* leaves the set without a fault of its own: it is a copy, it was replaced
or withdrawn, or its file is of another kind. So does a variant beyond a quota. Photos and variants
set aside are counted apart from rejects and do not enter the reject rates.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class RejectCode(StrEnum):
    """Base of the enumerations of codes: snake_case, and stable because statistics count them."""

    @property
    def aside(self) -> bool:
        """Whether the photo or variant is set aside instead of rejected."""
        return False


class AsideCode(RejectCode):
    """Base of the enumerations of codes with which photos and variants are set aside."""

    @property
    def aside(self) -> bool:
        """Always true."""
        return True


class EngineCode(RejectCode):
    """Codes that a photo may get in any stage."""

    INTERNAL_ERROR = "internal_error"
    """The stage's code raised an exception."""
    WORKER_DIED = "worker_died"
    """The photo's worker process died."""
    OUT_OF_MEMORY = "out_of_memory"
    """There was not enough memory, of the machine or of its GPU, to compute the photo."""


class FetchCode(AsideCode):
    """Codes of lines of the source list whose file a list of URLs names or a bucket holds, and a
    scan did not get."""

    NOT_ALLOWED = "not_allowed"
    """The settings do not allow the URL, it leads to an address that is not public, or an object
    has a name that no file can have."""
    OPTED_OUT = "opted_out"
    """The owner forbids the use: robots.txt, or a header of the response."""
    NOT_FETCHED = "not_fetched"
    """The network or the server failed, or the answer is not the file."""


Codes = Iterable[type[RejectCode]]


def names(codes: Codes) -> list[str]:
    """Return every code of the enumerations, of the engine and of scans, sorted."""
    return sorted(str(code) for kind in (EngineCode, FetchCode, *codes) for code in kind)


def aside_codes(codes: Codes) -> frozenset[str]:
    """Return the codes with which photos and variants are set aside."""
    return frozenset(str(code) for kind in (FetchCode, *codes) for code in kind if code.aside)
