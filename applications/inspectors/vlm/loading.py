"""Load models and adapters: safetensors only, no code from the hub, nothing is downloaded."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from applications.inspectors.vlm.families import Family
from applications.inspectors.vlm.record import ADAPTER, ADAPTER_CONFIG
from stages.engine.workspace import FactoryError
from stages.models.networks import torchvision_import
from stages.models.weights import hub

if TYPE_CHECKING:
    import torch

REMEDY = "pip install -e '.[tune]'"


def resolve(name: str) -> tuple[str, Path]:
    """Return the full name and the folder of a model.

    Args:
        name: a folder, relative to the working directory or to this checkout, or ``owner/repo`` of
            the hub with ``@revision``.

    Raises:
        FactoryError: there is no such folder, and the name is not pinned or not on this machine.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        folder = folder.resolve()
        return str(folder), folder
    found = hub.resolve(name)
    return (str(found) if hub.local_folder(name) else name), found


def load_processor(folder: Path, family: Family, max_pixels: int) -> Any:
    """Load a processor that keeps pictures of the export's size.

    Raises:
        FactoryError: it cannot be loaded.
    """
    torchvision_import.prepare()
    from transformers import AutoProcessor

    try:
        processor: Any = AutoProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FactoryError(f"{folder}: the processor cannot be loaded: {error}") from error
    family.limit(processor.image_processor, max_pixels)
    return processor


def load_model(folder: Path, family: Family, dtype: torch.dtype) -> Any:
    """Load a model's weights.

    Raises:
        FactoryError: they cannot be loaded.
    """
    torchvision_import.prepare()
    import transformers

    try:
        return getattr(transformers, family.model_class).from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise FactoryError(f"{folder}: the weights cannot be loaded: {error}") from error


def add_adapter(model: Any, folder: Path) -> Any:
    """Put a LoRA adapter on a model.

    Raises:
        FactoryError: peft is missing; the adapter is of another kind, not in safetensors, or of
            another model.
    """
    if importlib.util.find_spec("peft") is None:
        raise FactoryError(f"{folder} is an adapter, which needs peft: {REMEDY}")
    torchvision_import.prepare()
    from peft import PeftModel

    path = folder / ADAPTER_CONFIG
    try:
        kind = json.loads(path.read_text(encoding="utf-8"))["peft_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FactoryError(f"{path} is no configuration of an adapter") from error
    if kind != "LORA":
        raise FactoryError(f"{path}: an adapter of type {kind!r}; LORA is supported")
    if not (folder / ADAPTER).is_file():
        raise FactoryError(f"{folder} has no {ADAPTER}: other forms of weights are not read")
    try:
        return PeftModel.from_pretrained(model, str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        line = " ".join(str(error).split())[:300]
        raise FactoryError(f"{folder}: the adapter does not fit its base: {line}") from error
