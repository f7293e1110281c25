"""Read sections of applications/params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from stages.engine.section import Section, complaints
from stages.engine.workspace import FactoryError

S = TypeVar("S", bound=Section)
FILE = Path(__file__).with_name("params.yaml")


def read_section(keys: tuple[str, ...], model: type[S], path: Path | None = None) -> S:
    """Read and validate one section; one that the file lacks takes the model's defaults.

    Args:
        keys: keys that lead to the section, e.g. ``("inspectors", "chat")``.
        model: the section.
        path: the file; default applications/params.yaml.

    Raises:
        FactoryError: the file cannot be read, or a key or value is wrong.
    """
    path = path or FILE
    values: Any = _read(path)
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    values = {} if values is None else values
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = complaints(error, model, values, *keys)
        raise FactoryError("\n".join(f"{path}: {line}" for line in found)) from error


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FactoryError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FactoryError(f"{path}: not valid YAML: {error}") from error
