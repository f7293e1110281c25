"""From a stage's name to its class, and from params.yaml to all of its sections."""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from stages import STAGES
from stages.engine.stage import BaseParams, Stage, StageParams
from stages.engine.workspace import FactoryError

_MAX_PARAMS_BYTES = 1_000_000


@cache
def stage_class(name: str) -> type[Stage]:
    """The class ``<Name>Stage`` of ``stages/<name>/stage.py``."""
    return getattr(importlib.import_module(f"stages.{name}.stage"), f"{name.capitalize()}Stage")


def section_models() -> dict[str, type[BaseModel]]:
    """Section of params.yaml to the model that checks it."""
    sections: dict[str, type[BaseModel]] = {"base": BaseParams}
    return sections | {name: stage_class(name).params_model for name in STAGES}


def _unknown_key(where: str, key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"known: {', '.join(sorted(known))}"
    return f"params.yaml: unknown key `{where}{key}`; {hint}"


def _keys_at(model: type[BaseModel], place: list[str]) -> list[str]:
    """Keys known below a section: `place` leads through nested models."""
    for part in place:
        inner = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def _explain(section: str, model: type[BaseModel], error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        place = [str(part) for part in problem["loc"]]
        if problem["type"] == "extra_forbidden":
            where = ".".join([section, *place[:-1]]) + "."
            lines.append(_unknown_key(where, place[-1], _keys_at(model, place[:-1])))
        else:
            name = ".".join([section, *place])
            lines.append(f"params.yaml: `{name}`: {problem['msg']} (got {problem['input']!r})")
    return "\n".join(lines)


def parse_params(values: Any) -> dict[str, BaseModel]:
    """Check all sections.

    Raises:
        FactoryError: names every wrong key and value.
    """
    models = section_models()
    if not isinstance(values, dict):
        raise FactoryError("params.yaml: expected sections (base, ingest, ...) at the top")
    problems = [_unknown_key("", str(key), list(models)) for key in values if key not in models]
    sections: dict[str, BaseModel] = {}
    for name, model in models.items():
        try:
            section = values.get(name)
            sections[name] = model.model_validate({} if section is None else section)
        except ValidationError as error:
            problems.append(_explain(name, model, error))
    if problems:
        raise FactoryError("\n".join(problems))
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
        return yaml.safe_load(text)
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


def build_stage(name: str, params: dict[str, BaseModel]) -> Stage:
    """A stage with its section and the base section."""
    section, base = params[name], params["base"]
    assert isinstance(section, StageParams) and isinstance(base, BaseParams)  # noqa: S101
    return stage_class(name)(section, base)


def stage_of(name: str, root: Path) -> Stage:
    """A stage as params.yaml of the checkout `root` configures it.

    Raises:
        FactoryError: params.yaml does not fit.
    """
    return build_stage(name, load_params(root))
