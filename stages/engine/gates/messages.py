"""Messages of failed expectations: what is wrong, in which files, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stages.engine.codes import EngineCode
from stages.engine.gates.gate import Check
from stages.engine.gates.names import display_name
from stages.engine.gates.suite import Expectation
from stages.engine.gates.summary import name_of
from stages.engine.stage import Reject

_FILES = 3
"""Number of files that a message names for each reason."""
_PHOTOS = ("reject_rate", "photos_accepted", "photos_rejected")
_VARIANTS = ("variant_reject_rate", "variants_accepted", "variants_rejected")
_ERRORS = ("internal_errors", "internal_error_rate")


@dataclass
class _Group:
    """The rejects with one code."""

    first: Reject
    first_name: str
    count: int = 0
    names: set[str] = field(default_factory=set[str])
    shown: list[str] = field(default_factory=list[str])

    def describe(self) -> str:
        """Return the names to show, the number of others and the first message."""
        message = self.first.message.removeprefix(self.first_name).strip()
        if at := self.first.evidence.get("at"):
            message += f" at {at}"
        hidden = len(self.names) - len(self.shown)
        more = f" and {hidden} more" if hidden else ""
        return f"{', '.join(self.shown)}{more}: {message}"


@dataclass(frozen=True)
class FailureMessages:
    """Writes the messages of one run of a stage."""

    stage: str
    numbers: Mapping[str, float]
    """The summary's numbers."""
    rejects: Sequence[Reject]
    paths: dict[str, str]
    """Photo key to the name of its file."""

    def explain(self, check: Check, expectation: Expectation) -> Check:
        """Return the failed check with its message, and with file names instead of photo keys."""
        files = [display_name(name, self.paths) for name in check.examples]
        named = replace(check, examples=files)
        return replace(named, message=self._message(named, expectation))

    def _message(self, check: Check, expectation: Expectation) -> str:
        what = expectation.says or f"the {check.table} is not as required"
        bound = describe_bounds(expectation)
        requirement = f"{check.column or check.expectation} {bound}" if bound else check.expected
        if expectation.params:
            requirement += f" ({', '.join(expectation.params)})"
        message = f"{what}: {requirement}, {check.observed}"
        if reasons := self._reasons(check.column):
            message += f"; {reasons}"
        elif check.examples:
            message += f"; for example {', '.join(check.examples)}"
        return f"{message}. {self._remedy(expectation)}"

    def _remedy(self, expectation: Expectation) -> str:
        remedies = [expectation.remedy] if expectation.remedy else []
        if expectation.params:
            names = " or ".join(expectation.params)
            remedies.append(f"if this is as intended, change {names} in params.yaml")
        report = f"data/.report/{self.stage}.json"
        if not remedies:
            return f"This is a bug in the stage, not a fault of the photos: report it with {report}"
        text = "; ".join(remedies)
        return f"What to do: {text}; all rejects are in the gallery, all numbers in {report}"

    def _reasons(self, column: str | None) -> str:
        """Count the rejects by code, most frequent first, with files and the first message."""
        of_variants = column in _VARIANTS
        if column in _PHOTOS or column in _ERRORS:
            total = self.numbers["photos_in"]
        elif of_variants:
            total = self.numbers["variants_in"]
        else:
            return ""
        groups: dict[str, _Group] = {}
        for reject in self.rejects:
            if column in _ERRORS and reject.code != EngineCode.INTERNAL_ERROR:
                continue
            if of_variants or reject.variant is None:
                name = self._name(reject)
                group = groups.setdefault(str(reject.code), _Group(reject, name))
                group.count += 1
                group.names.add(name)
                if len(group.shown) < _FILES and name not in group.shown:
                    group.shown.append(name)
        ordered = sorted(groups.items(), key=lambda item: (-item[1].count, item[0]))
        kind = "variants" if of_variants else "photos"
        reasons = [f"{group.count} {code} ({group.describe()})" for code, group in ordered]
        return f"of {total:g} {kind} {', '.join(reasons)}" if reasons else ""

    def _name(self, reject: Reject) -> str:
        return display_name(name_of(reject.key, reject.variant), self.paths)


def describe_bounds(expectation: Expectation) -> str:
    """Return an expectation's bounds, e.g. ``must be at most 0.5``; empty if it has none."""
    kwargs = expectation.kwargs
    if "value_set" in kwargs:
        return f"must be one of {_join(kwargs['value_set'])}"
    if "regex" in kwargs:
        return f"must match {kwargs['regex']}"
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    above = "above" if kwargs.get("strict_min") else "at least"
    bounds = [f"{above} {low}"] if low is not None else []
    bounds += [f"at most {high}"] if high is not None else []
    return f"must be {' and '.join(bounds)}" if bounds else ""


def _join(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))
