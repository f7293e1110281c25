"""Collect the terms of a data set: its version, the licence policy, the licences of its models."""

from __future__ import annotations

from dataclasses import dataclass, field

from stages.engine.stage import BaseParams
from stages.models import registry
from stages.models.registry import ModelLicence
from stages.package.rights import LicencePolicy, Problem, find_problem


@dataclass(frozen=True)
class Terms:
    """The version of a data set and what its licences depend on besides its photos."""

    version: str = ""
    """Name of the release; empty before the first."""
    policy: LicencePolicy = field(default_factory=LicencePolicy)
    models: tuple[ModelLicence, ...] = ()
    """The models that made it, by role."""

    def model_problems(self) -> list[tuple[ModelLicence, Problem]]:
        """Return the models whose licence is denied or unknown, and why."""
        judged = [
            (model, find_problem(model.licence, self.policy, references=model.pinned))
            for model in self.models
        ]
        return [(model, problem) for model, problem in judged if problem]

    def restrictions(self) -> list[ModelLicence]:
        """Return the models whose licence says something about data made with them."""
        named = {model.name: model for model in self.models if model.terms}
        return list(named.values())


def collect_terms(version: str, policy: LicencePolicy, base: BaseParams) -> Terms:
    """Collect the terms of a data set.

    Args:
        version: name of the release.
        policy: section ``package.licences``.
        base: section ``base``, which chooses the models.
    """
    return Terms(version, policy, tuple(registry.licences(base, policy.models)))
