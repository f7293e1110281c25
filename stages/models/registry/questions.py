"""Find the questions that a profile's back ends ask, and the chat model that answers them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stages.engine.stage import StageParams
from stages.models.registry.loading import options_argument
from stages.models.registry.profiles import Profile, find_backend
from stages.models.registry.sections import section


def questions(role: str, profile: Profile) -> dict[str, str]:
    """Return the questions that the role's back end, and those that it needs, ask the chat model.

    Maps the name of a template to the unit for which it is asked once: ``photo``, ``variant`` or
    ``picture`` (with several flaws). Empty if nothing is asked.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    return {path.stem: unit for path, unit in _templates(role, profile).items()}


def example_pictures(role: str, profile: Profile, params: StageParams) -> dict[str, int]:
    """Return how many pictures of examples are sent with each question of the role's back end.

    Maps the name of a template to the number; a question without examples is left out.

    Args:
        role: role of the back end.
        profile: chooses the back end.
        params: section of the stage that uses it.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    backend_class = find_backend(role, profile).load()
    if not hasattr(backend_class, "example_pictures"):
        return {}
    found = backend_class.example_pictures(section(role, profile, params))
    return {path.stem: count for path, count in found.items()}


def _templates(role: str, profile: Profile) -> dict[Path, str]:
    backend = find_backend(role, profile)
    found: dict[Path, str] = dict(getattr(backend.load(), "asks", {}))
    for other in backend.needs:
        found |= _templates(other, profile)
    return found


def prompts(profile: Profile, *used: str) -> dict[str, str]:
    """Return the templates of several roles: name to the id, which holds version and digest.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    paths = [path for role in used for path in _templates(role, profile)]
    if not paths:
        return {}
    from stages.models.chat import prompts as templates

    return templates.ids(paths)


@dataclass(frozen=True)
class PromptText:
    """The template of a question."""

    id: str
    """Name, version and digest, as in the records."""
    text: str
    """The file's text; examples are not in it."""


def prompt_texts(profile: Profile, *used: str) -> list[PromptText]:
    """Return the templates of several roles, each once.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    paths = dict.fromkeys(path for role in used for path in _templates(role, profile))
    if not paths:
        return []
    from stages.models.chat import prompts as templates

    return [PromptText(templates.load(p).id, p.read_text(encoding="utf-8")) for p in paths]


@dataclass(frozen=True)
class LedgerModel:
    """The chat model of a profile, as entered in the ledger of calls."""

    name: str
    free: bool
    """Whether it costs nothing because it runs in this process."""


def ledger_model(profile: Profile) -> LedgerModel:
    """Return the chat model that the profile's back ends use.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    chat_class = find_backend("chat", profile).load()
    return LedgerModel(chat_class.ledger_name(**options_argument("chat", profile)), chat_class.free)
