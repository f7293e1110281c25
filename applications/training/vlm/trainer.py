"""TRL's trainer with what is frozen and what is trained."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from applications.inspectors.vlm.families import Family
from applications.inspectors.vlm.loading import REMEDY
from applications.inspectors.vlm.record import Settings
from stages.engine.workspace import FactoryError
from stages.models.networks import torchvision_import

if TYPE_CHECKING:
    from datasets import Dataset

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Pace:
    """How a run goes about its work; nothing here changes what is learnt."""

    device_batch: int
    """Conversations at once on a device."""
    save_every: int
    """Steps between checkpoints."""
    checkpointing: bool
    """Whether activations are computed twice instead of kept: less memory, a third slower."""


def require_packages() -> None:
    """Check that TRL and peft are installed, and make them importable.

    Raises:
        FactoryError: one is missing.
    """
    missing = [name for name in ("trl", "peft") if importlib.util.find_spec(name) is None]
    if missing:
        raise FactoryError(f"tuning needs {' and '.join(missing)}: {REMEDY}")
    torchvision_import.prepare()


def prepare_model(model: Any, family: Family, method: str) -> None:
    """Freeze what is not trained: everything for LoRA, whose adapter comes with the trainer; the
    vision tower without its projector for full tuning.

    Raises:
        FactoryError: the model has no parameter under a name of its family's declaration.
    """
    names = [name for name, _ in model.named_parameters()]
    for part in (*family.projector, family.language[0]):
        if not any(name.startswith(f"{part}.") for name in names):
            raise FactoryError(f"the model has no {part}: is it a {family.name}?")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(method == "full" and family.is_trained(name))


def make_trainer(
    model: Any,
    processor: Any,
    family: Family,
    settings: Settings,
    pace: Pace,
    folder: Path,
    train: Dataset,
    validation: Dataset | None,
) -> Any:
    """Make the trainer.

    Args:
        model: as `prepare_model` left it.
        processor: with the export's limit on pixels.
        family: of the model.
        settings: what is learnt.
        pace: how.
        folder: of the run; checkpoints go to `CHECKPOINTS` in it.
        train: conversations from `load_rows`.
        validation: conversations whose loss is computed with each checkpoint, if any.
    """
    from peft import LoraConfig
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    cuda = torch.cuda.is_available()
    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=2 * settings.rank,
        lora_dropout=0.05,
        target_modules=family.lora_modules,
        task_type="CAUSAL_LM",
    )
    arguments = SFTConfig(
        output_dir=str(folder / CHECKPOINTS),
        max_length=None,  # truncation would cut picture tokens
        num_train_epochs=settings.epochs,
        max_steps=settings.steps or -1,
        per_device_train_batch_size=pace.device_batch,
        per_device_eval_batch_size=pace.device_batch,
        gradient_accumulation_steps=max(1, settings.batch // (pace.device_batch * count_devices())),
        learning_rate=settings.rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.1,
        logging_steps=10,
        logging_first_step=True,
        disable_tqdm=not sys.stderr.isatty(),
        save_strategy="steps",
        save_steps=pace.save_every,
        save_total_limit=2,
        eval_strategy="steps" if validation is not None else "no",
        eval_steps=pace.save_every,
        prediction_loss_only=True,
        gradient_checkpointing=pace.checkpointing,
        bf16=cuda,
        use_cpu=not cuda,
        seed=settings.seed,
        report_to="none",
        dataloader_pin_memory=cuda,
    )
    return SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=validation,
        processing_class=processor,
        peft_config=lora if settings.method == "lora" else None,
    )


def count_devices() -> int:
    """Return the number of processes that `accelerate launch` started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_process() -> bool:
    """Return whether this process writes the run's files."""
    return os.environ.get("RANK", "0") == "0"
