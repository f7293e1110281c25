"""From a stage's name to its class, and from params.yaml to all of its sections."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from stages import STAGES
from stages.conditions import across_sections, prompt_is_heard
from stages.engine.section import complaints, unknown_key
from stages.engine.stage import BaseParams, Stage, StageParams
from stages.engine.workspace import FactoryError
from stages.models import registry

_MAX_PARAMS_BYTES = 1_000_000


class _Loader(yaml.SafeLoader):
    """Reads ``1e-3`` as the number it is, as DVC does."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+"),
    list("-+.0123456789"),
)


@cache
def stage_class(name: str) -> type[Stage]:
    """The class ``<Name>Stage`` of ``stages/<name>/stage.py``."""
    return getattr(importlib.import_module(f"stages.{name}.stage"), f"{name.capitalize()}Stage")


def section_models() -> dict[str, type[BaseModel]]:
    """Section of params.yaml to the model that checks it."""
    sections: dict[str, type[BaseModel]] = {"base": BaseParams}
    return sections | {name: stage_class(name).params_model for name in STAGES}


def parse_params(values: Any) -> dict[str, BaseModel]:
    """Check all sections.

    Raises:
        FactoryError: names every wrong key and value.
    """
    models = section_models()
    if not isinstance(values, dict):
        raise FactoryError("params.yaml: expected sections (base, ingest, ...) at the top")
    problems = [unknown_key([str(key)], models) for key in values if key not in models]
    sections: dict[str, BaseModel] = {}
    for name, model in models.items():
        section = {} if values.get(name) is None else values[name]
        try:
            sections[name] = model.model_validate(section)
        except ValidationError as error:
            problems += complaints(error, model, section, name)
    if not problems:
        problems = [*registry.problems(_base(sections)), *across_sections(sections)]
    if problems:
        raise FactoryError("\n".join(f"params.yaml: {problem}" for problem in problems))
    return sections


def read_params(root: Path) -> Any:
    """The unchecked values of a checkout's params.yaml.

    Raises:
        FactoryError: the file is missing, too large or not YAML.
    """
    path = root / "params.yaml"
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > _MAX_PARAMS_BYTES:
            raise FactoryError(f"{path}: larger than {_MAX_PARAMS_BYTES} bytes")
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise FactoryError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FactoryError(f"{path}: not valid YAML: {error}") from error


def load_params(root: Path) -> dict[str, BaseModel]:
    """Read and check params.yaml of a checkout.

    Raises:
        FactoryError: it cannot be read, or does not fit the sections.
    """
    return parse_params(read_params(root))


def params_for_work(root: Path) -> dict[str, BaseModel]:
    """`load_params`, and whether what they name is on this machine: asked before any work starts.

    Raises:
        FactoryError: as `load_params`; or a model's folder or an endpoint's key is not there.
    """
    params = load_params(root)
    check_machine(params)
    return params


def check_machine(params: dict[str, BaseModel]) -> None:
    """Whether what params name is on this machine.

    Raises:
        FactoryError: a model's folder or an endpoint's key is not there.
    """
    base = _base(params)
    if problems := [*registry.missing(base), *prompt_is_heard(params, base)]:
        raise FactoryError("\n".join(f"params.yaml: {problem}" for problem in problems))


def _base(params: dict[str, BaseModel]) -> BaseParams:
    base = params["base"]
    assert isinstance(base, BaseParams)  # noqa: S101
    return base


def build_stage(name: str, params: dict[str, BaseModel]) -> Stage:
    """A stage with its section and the base section."""
    section = params[name]
    assert isinstance(section, StageParams)  # noqa: S101
    return stage_class(name)(section, _base(params))


def stage_of(name: str, root: Path) -> Stage:
    """A stage as params.yaml of the checkout `root` configures it.

    Raises:
        FactoryError: params.yaml does not fit, or names what is not there.
    """
    return build_stage(name, params_for_work(root))
