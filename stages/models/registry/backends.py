"""The table of back ends. A new one is a line in it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from stages.engine.section import Section
from stages.models.options import NoOptions, Options

PACKAGE = "stages.models"
"""Where the table's modules are."""


@dataclass(frozen=True)
class Backend:
    """Where a back end's class and the models of its options and params are.

    Each is ``module:Name`` below `PACKAGE` and is imported when it is asked for. The class gets
    what is declared here by keyword: ``options``, ``params``, and the back end of every role in
    `needs` by the role's name. Its class methods ``revision`` and ``weights`` get ``options``.
    """

    made_by: str
    """The class."""
    options: str | None = None
    """Model of what a profile may set; None: nothing."""
    params: str | None = None
    """Model of its own section, by its name, in the section of each stage that uses its role, such
    as ``perceive.mediapipe``; None: it has none."""
    needs: tuple[str, ...] = ()
    """Other roles that it builds on."""

    @property
    def module(self) -> str:
        """Full name of the module that holds the class."""
        return f"{PACKAGE}.{self.made_by.partition(':')[0]}"

    def load(self) -> Any:
        """The class."""
        return import_name(self.made_by)

    def options_model(self) -> type[Options]:
        """The model of its options."""
        return import_name(self.options) if self.options else NoOptions

    def params_model(self) -> type[Section] | None:
        """The model of its section."""
        return import_name(self.params) if self.params else None


def import_name(place: str) -> Any:
    """What ``module:Name`` below `PACKAGE` names, imported."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)


BACKENDS: dict[str, dict[str, Backend]] = {
    "chat": {
        "openai": Backend("chat.endpoint_chat:EndpointChat", "chat.params:EndpointOptions"),
        "transformers": Backend("chat.local_chat:LocalChat", "chat.params:LocalChatOptions"),
    },
    "vocabulary": {
        "words": Backend("vocabulary.words:WordList"),
        "vlm": Backend(
            "vocabulary.vlm.vocabulary:VlmVocabulary",
            "vocabulary.params:VlmVocabularyOptions",
            needs=("chat",),
        ),
    },
    "captioner": {"vlm": Backend("captioner.vlm.captioner:VlmCaptioner", needs=("chat",))},
    "flow": {"diffusers": Backend("flow.backend:DiffusersFlow", "flow.params:FlowOptions")},
    "perceiver": {
        "mediapipe": Backend(
            "perceiver.mediapipe.perceiver:MediapipePerceiver",
            params="perceiver.mediapipe.params:MediapipeParams",
        ),
        "grounded": Backend(
            "perceiver.grounded.perceiver:GroundedPerceiver",
            "perceiver.grounded.params:GroundedOptions",
            params="perceiver.grounded.params:GroundedParams",
            needs=("vocabulary",),
        ),
    },
    "metric": {"lpips-alex": Backend("metric.lpips:AlexLpips")},
    "judge": {
        "features": Backend(
            "judge.features.judge:FeatureJudge",
            params="judge.features.params:FeatureThresholds",
        ),
        "vlm": Backend("judge.vlm.judge:VlmJudge", needs=("chat",)),
    },
    "explainer": {
        "grammar": Backend("explainer.grammar.explainer:GrammarExplainer"),
        "vlm": Backend("explainer.vlm.explainer:VlmExplainer", needs=("chat",)),
    },
}
"""Role to name to back end."""
REQUIRED = ("flow", "perceiver", "metric", "judge", "explainer")
"""Roles that every profile must have: some stage needs them."""
