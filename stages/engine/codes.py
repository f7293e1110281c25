"""Reject codes: each is declared once, in an enumeration beside the code that raises it.

A stage lists the enumerations it draws on (`Stage.codes`); its gate's set of known codes and what
counts as set aside are read from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class RejectCode(StrEnum):
    """Base of enumerations of reasons, snake_case and stable: statistics count them."""

    @property
    def aside(self) -> bool:
        """True for what is no fault of a photo: a copy, history, a file of another kind."""
        return False


class AsideCode(RejectCode):
    """Base of enumerations of reasons that are counted apart from rejects."""

    @property
    def aside(self) -> bool:
        """Always."""
        return True


class EngineCode(RejectCode):
    """What may befall a photo in any stage."""

    INTERNAL_ERROR = "internal_error"
    """The stage's code raised."""
    WORKER_DIED = "worker_died"


Codes = Iterable[type[RejectCode]]


def names(codes: Codes) -> list[str]:
    """Every code of the enumerations and the engine's, sorted."""
    return sorted(str(code) for kind in (EngineCode, *codes) for code in kind)


def aside(codes: Codes) -> frozenset[str]:
    """The codes that are counted apart from rejects."""
    return frozenset(str(code) for kind in codes for code in kind if code.aside)
