"""Finds the class of a stage by its name, and reads and validates params.yaml."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from stages import STAGES
from stages.conditions import find_conflicts, find_unused_prompt
from stages.engine.section import complaints, unknown_key
from stages.engine.stage import BaseParams, Stage, StageParams
from stages.engine.workspace import FactoryError
from stages.models import registry

_MAX_PARAMS_BYTES = 1_000_000
_NOT_YAML = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What PyYAML raises: not only its own errors, but whatever its constructors of numbers, dates and
tagged values run into (``2020-13-45``, ``!!bool x``, ``!!timestamp x``)."""


class _Loader(yaml.SafeLoader):
    """Reads ``1e-3`` as a number, as YAML 1.2 and DVC do."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+"),
    list("-+.0123456789"),
)


@cache
def stage_class(name: str) -> type[Stage]:
    """Return the class ``<Name>Stage`` of ``stages/<name>/stage.py``."""
    return getattr(importlib.import_module(f"stages.{name}.stage"), f"{name.capitalize()}Stage")


def section_models() -> dict[str, type[BaseModel]]:
    """Map the sections of params.yaml to the models that validate them."""
    sections: dict[str, type[BaseModel]] = {"base": BaseParams}
    return sections | {name: stage_class(name).params_model for name in STAGES}


def parse_params(values: Any) -> dict[str, BaseModel]:
    """Validate all sections.

    Raises:
        FactoryError: names every wrong key and value, one per line.
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
        problems = [*registry.find_problems(_base(sections)), *find_conflicts(sections)]
    if problems:
        raise FactoryError("\n".join(f"params.yaml: {problem}" for problem in problems))
    return sections


def read_params(root: Path) -> Any:
    """Read a checkout's params.yaml without validating it.

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
    except _NOT_YAML as error:
        raise FactoryError(f"{path}: not valid YAML: {error}") from error


def load_params(root: Path) -> dict[str, BaseModel]:
    """Read and validate a checkout's params.yaml.

    Raises:
        FactoryError: the file cannot be read, or a key or value is wrong.
    """
    return parse_params(read_params(root))


def params_for_work(root: Path) -> dict[str, BaseModel]:
    """Load params as `load_params` does, then call `check_machine`. Called before any work starts.

    Raises:
        FactoryError: as for `load_params` and `check_machine`.
    """
    params = load_params(root)
    check_machine(params)
    return params


def check_machine(params: dict[str, BaseModel]) -> None:
    """Check that this machine has what the params name.

    Raises:
        FactoryError: a model's folder or an endpoint's key is missing, or `invert.prompt` is set
            for a flow model without text encoders.
    """
    base = _base(params)
    if problems := [*registry.find_missing(base), *find_unused_prompt(params, base)]:
        raise FactoryError("\n".join(f"params.yaml: {problem}" for problem in problems))


def _base(params: dict[str, BaseModel]) -> BaseParams:
    base = params["base"]
    assert isinstance(base, BaseParams)  # noqa: S101
    return base


def build_stage(name: str, params: dict[str, BaseModel]) -> Stage:
    """Create a stage with its section and the base section."""
    section = params[name]
    assert isinstance(section, StageParams)  # noqa: S101
    return stage_class(name)(section, _base(params))


def stage_of(name: str, root: Path) -> Stage:
    """Create a stage as configured by params.yaml of the checkout `root`.

    Raises:
        FactoryError: as for `params_for_work`.
    """
    return build_stage(name, params_for_work(root))
