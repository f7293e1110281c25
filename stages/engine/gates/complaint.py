"""A failed expectation in words: what is wrong, with which files, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stages.engine.codes import EngineCode
from stages.engine.gates.gate import Check
from stages.engine.gates.names import readable
from stages.engine.gates.suite import Expectation
from stages.engine.gates.summary import name_of
from stages.engine.stage import Reject

_SHOWN = 3
"""So many files are named of each reason."""
_PHOTOS = ("reject_rate", "photos_accepted", "photos_rejected")
_VARIANTS = ("variant_reject_rate", "variants_accepted", "variants_rejected")
_ERRORS = ("internal_errors", "internal_error_rate")


@dataclass(frozen=True)
class Complaint:
    """What there is to tell of a stage's run."""

    stage: str
    numbers: Mapping[str, float]
    rejects: Sequence[Reject]
    paths: dict[str, str]
    """Photo key to the path of its file."""

    def __call__(self, check: Check, expectation: Expectation) -> Check:
        """The check with its message, and paths instead of keys."""
        files = [readable(name, self.paths) for name in check.examples]
        found = replace(check, examples=files)
        return replace(found, message=self._message(found, expectation))

    def _message(self, check: Check, expectation: Expectation) -> str:
        what = expectation.says or f"the {check.table} is not as it must be"
        bound = bounds(expectation)
        told = f"{check.column or check.expectation} {bound}" if bound else check.expected
        if expectation.params:
            told += f" ({', '.join(expectation.params)})"
        told = f"{what}: {told}, {check.observed}"
        if reasons := self._reasons(check.column):
            told += f"; {reasons}"
        elif check.examples:
            told += f"; for example {', '.join(check.examples)}"
        return f"{told}. {self._remedy(expectation)}"

    def _remedy(self, expectation: Expectation) -> str:
        said = [expectation.remedy] if expectation.remedy else []
        if expectation.params:
            names = " or ".join(expectation.params)
            said.append(f"if it is right as it is, change {names} in params.yaml")
        report = f"data/.report/{self.stage}.json"
        if not said:
            return f"That is a fault of the stage, not of the photos: report it with {report}"
        text = "; ".join(said)
        return f"What to do: {text}; all rejects are in the gallery, all numbers in {report}"

    def _reasons(self, column: str | None) -> str:
        """How many fell out by reason, most frequent first, with files and the first's message."""
        photos = [r for r in self.rejects if r.variant is None]
        variants = [r for r in self.rejects if r.variant is not None]
        if column in _PHOTOS:
            total, rejects = self.numbers["photos_in"], photos
        elif column in _VARIANTS:
            total, rejects = self.numbers["variants_in"], [*variants, *photos]
        elif column in _ERRORS:
            total = self.numbers["photos_in"]
            rejects = [r for r in photos if r.code == EngineCode.INTERNAL_ERROR]
        else:
            return ""
        groups: dict[str, list[Reject]] = {}
        for reject in rejects:
            groups.setdefault(reject.code, []).append(reject)
        ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
        kind = "variants" if column in _VARIANTS else "photos"
        told = [f"{len(group)} {code} ({self._files(group)})" for code, group in ordered]
        return f"of {total:g} {kind} {', '.join(told)}" if told else ""

    def _files(self, group: Sequence[Reject]) -> str:
        names = list(dict.fromkeys(self._name(reject) for reject in group))
        first = group[0].message.removeprefix(names[0]).strip()
        if at := group[0].evidence.get("at"):
            first += f" at {at}"
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"{', '.join(names[:_SHOWN])}{more}: {first}"

    def _name(self, reject: Reject) -> str:
        return readable(name_of(reject.key, reject.variant), self.paths)


def bounds(expectation: Expectation) -> str:
    """What an expectation asks, as ``at most 0.5``; empty where its own words must do."""
    asked = expectation.kwargs
    if "value_set" in asked:
        return f"must be one of {_listed(asked['value_set'])}"
    if "regex" in asked:
        return f"must match {asked['regex']}"
    low, high = asked.get("min_value"), asked.get("max_value")
    above = "above" if asked.get("strict_min") else "at least"
    said = [f"{above} {low}"] if low is not None else []
    said += [f"at most {high}"] if high is not None else []
    return f"must be {' and '.join(said)}" if said else ""


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))
