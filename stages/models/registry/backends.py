"""The table of back ends. Adding one takes one entry."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from stages.engine.section import Section
from stages.models.options import NoOptions, Options

PACKAGE = "stages.models"
"""The package that contains the table's modules."""


@dataclass(frozen=True)
class Backend:
    """The class of a back end, and the models of its options and params.

    Each is given as ``module:Name`` below `PACKAGE` and is imported on first use. The class is
    called with keywords for what is declared here: ``options``, ``params``, and the back end of
    every role in `needs` under the role's name. Its class methods ``revision`` and ``weights``
    receive ``options``.
    """

    class_path: str
    """The class."""
    options: str | None = None
    """Model of what a profile may set; None if it takes no options."""
    params: str | None = None
    """Model of the back end's own section, which is nested under its name in the section of each
    stage that uses its role, e.g. ``perceive.mediapipe``; None if it has no params."""
    needs: tuple[str, ...] = ()
    """Other roles whose back ends it uses."""

    @property
    def module(self) -> str:
        """Full name of the module that holds the class."""
        return f"{PACKAGE}.{self.class_path.partition(':')[0]}"

    def load(self) -> Any:
        """Import and return the class."""
        return import_name(self.class_path)

    def options_model(self) -> type[Options]:
        """Import and return the model of its options."""
        return import_name(self.options) if self.options else NoOptions

    def params_model(self) -> type[Section] | None:
        """Import and return the model of its section."""
        return import_name(self.params) if self.params else None


def import_name(path: str) -> Any:
    """Import and return ``module:Name`` below `PACKAGE`."""
    module, _, name = path.partition(":")
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
        "vlm": Backend(
            "judge.vlm.judge:VlmJudge", params="judge.vlm.params:VlmJudgeParams", needs=("chat",)
        ),
    },
    "explainer": {
        "grammar": Backend("explainer.grammar.explainer:GrammarExplainer"),
        "vlm": Backend("explainer.vlm.explainer:VlmExplainer", needs=("chat",)),
    },
}
"""Role to the name of a back end to the back end."""
REQUIRED = ("flow", "perceiver", "metric", "judge", "explainer")
"""Roles that every profile must fill, because a stage needs them."""
