"""Find and load the back end that a profile chooses for a role.

`backends` is the table of back ends, `profiles` reads the profiles' choices, `checks` validates a
choice before any model is loaded, `sections` adds the back ends' sections of params.yaml, `loading`
loads back ends, `questions` lists what they ask a chat model, `used` describes the models for the
records, and `licences` lists their licences. This package exports the functions that the rest of
the code calls.
"""

from stages.models.registry.backends import BACKENDS, REQUIRED, Backend
from stages.models.registry.checks import find_missing, find_problems
from stages.models.registry.licences import ModelLicence, licences
from stages.models.registry.loading import (
    captioner,
    create,
    devices,
    explainer,
    judge,
    metric,
    modules,
    perceiver,
    revision,
    revisions,
    scores,
    weights,
)
from stages.models.registry.profiles import (
    Choice,
    Profile,
    RegistryError,
    choice,
    options,
    read_profiles,
    roles,
)
from stages.models.registry.questions import (
    LedgerModel,
    PromptText,
    example_pictures,
    ledger_model,
    prompt_texts,
    prompts,
    questions,
)
from stages.models.registry.sections import add_sections, section, unused_sections
from stages.models.registry.used import UsedModel, used_models

__all__ = [
    "BACKENDS",
    "REQUIRED",
    "Backend",
    "Choice",
    "LedgerModel",
    "ModelLicence",
    "Profile",
    "PromptText",
    "RegistryError",
    "UsedModel",
    "add_sections",
    "captioner",
    "choice",
    "create",
    "devices",
    "example_pictures",
    "explainer",
    "find_missing",
    "find_problems",
    "judge",
    "ledger_model",
    "licences",
    "metric",
    "modules",
    "options",
    "perceiver",
    "prompt_texts",
    "prompts",
    "questions",
    "read_profiles",
    "revision",
    "revisions",
    "roles",
    "scores",
    "section",
    "unused_sections",
    "used_models",
    "weights",
]
