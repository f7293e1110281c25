"""Tune a vision-language model on the conversations that the factory exports, with TRL.

    flawfactory export trl --target qwen2.5-vl --to exported/trl
    python -m applications.training.vlm.train --data exported/trl --model DIR --to tuned

``--method lora`` (default) trains an adapter, ``full`` the language model and the projector, with
the vision tower frozen. docs/tuning.md has the rest.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import torch

from applications.inspectors.vlm import loading
from applications.inspectors.vlm.families import Family, find_family
from applications.inspectors.vlm.questions import first_questions
from applications.inspectors.vlm.record import FILE, Method, Settings, Tuning
from applications.training.vlm.card import write_card
from applications.training.vlm.conversations import (
    ALL_TASKS,
    TRAIN,
    VALIDATION,
    Chosen,
    Export,
    choose,
    describe_balance,
    load_rows,
    open_export,
)
from applications.training.vlm.trainer import (
    CHECKPOINTS,
    Pace,
    count_devices,
    is_first_process,
    make_trainer,
    prepare_model,
    require_packages,
)
from flows.exports.chat.conversations import load_questions
from stages.engine.files import pretty_json
from stages.engine.workspace import FactoryError
from stages.models.weights import hub

RATES = {"lora": 1e-4, "full": 1e-5}
CACHE, SETTINGS = ".cache", "settings.json"
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate")
VALIDATION_PAIRS = 50
"""Maximum number of validation pairs whose conversations' loss is computed."""


def tune(
    data: Path,
    model: str,
    to: Path,
    *,
    method: Method = "lora",
    tasks: tuple[str, ...] = ALL_TASKS,
    pairs: int = 0,
    epochs: float = 1.0,
    steps: int = 0,
    batch: int = 16,
    device_batch: int = 1,
    rate: float = 0.0,
    rank: int = 16,
    seed: int = 0,
    save_every: int = 100,
    resume: bool = False,
    validate: bool = True,
) -> Tuning:
    """Tune a model and write it, with its processor, record and card, into `to`.

    Args:
        data: an export of TRL's conversations.
        model: a folder or hub name (`loading.resolve`).
        to: a new or empty folder; with `resume` one that has checkpoints.
        method: ``lora`` or ``full``.
        tasks: tasks that are trained.
        pairs: number of pairs whose conversations are used, evenly over the export; 0 = all.
        epochs: passes over the conversations, if `steps` is 0.
        steps: steps of the optimiser; 0 = whole epochs.
        batch: conversations a step, over all devices.
        device_batch: conversations at once on a device; the rest of a step is accumulated.
        rate: maximum of the learning rate; 0 = that of `RATES`.
        rank: of LoRA.
        seed: of the adapter's weights and of the order.
        save_every: steps between checkpoints.
        resume: go on from the newest checkpoint in `to`.
        validate: compute the loss of the export's validation split with each checkpoint.

    Raises:
        FactoryError: something is missing or does not fit; nothing was trained.
    """
    require_packages()
    name, folder = loading.resolve(model)
    family = find_family(folder)
    export = open_export(data, family)
    chosen = choose(export, TRAIN, tasks, pairs)
    if batch % (device_batch * count_devices()):
        raise FactoryError(
            f"--batch {batch} is no multiple of --device-batch {device_batch} times "
            f"{count_devices()} devices"
        )
    settings = Settings(
        base=name,
        revision=hub.revision(name),
        method=method,
        export=export.digests,
        tasks=list(tasks),
        pairs=pairs,
        steps=steps,
        epochs=epochs,
        batch=batch,
        rate=rate or RATES[method],
        rank=rank if method == "lora" else 0,
        seed=seed,
    )
    if is_first_process():
        _open_run(to, settings, resume)
    print(f"{family.name}, {method}: {len(chosen.rows)} conversations, "
          f"pictures of at most {export.max_pixels} pixels")  # fmt: skip
    print(describe_balance(chosen.balance), flush=True)
    cuda = torch.cuda.is_available()
    # An adapter's base does not change; weights that do must be finer than bfloat16.
    dtype = torch.bfloat16 if cuda and method == "lora" else torch.float32
    loaded = loading.load_model(folder, family, dtype)
    prepare_model(loaded, family, method)
    trainer = make_trainer(
        loaded,
        loading.load_processor(folder, family, export.max_pixels),
        family,
        settings,
        Pace(device_batch, save_every, checkpointing=cuda),
        to,
        load_rows(export, TRAIN, chosen.rows, to / CACHE),
        validation := _load_validation(export, tasks, to) if validate else None,
    )
    trainer.train(resume_from_checkpoint=resume)
    if validation is not None and not _was_validated(trainer):
        trainer.evaluate()
    trainer.save_model(str(to))
    tuning = _make_record(family, export, settings, chosen, trainer)
    if trainer.is_world_process_zero():
        (to / FILE).write_bytes(pretty_json(tuning.model_dump()))
        (to / "log.json").write_bytes(pretty_json(trainer.state.log_history))
        write_card(to, tuning)
        shutil.rmtree(to / CACHE, ignore_errors=True)
        (to / "training_args.bin").unlink(missing_ok=True)  # a pickle; nothing reads it
    return tuning


def _open_run(to: Path, settings: Settings, resume: bool) -> None:
    """Make the folder of a new run, or check that a run to resume had the same settings."""
    path = to / SETTINGS
    if not resume:
        if to.exists() and (not to.is_dir() or any(to.iterdir())):
            raise FactoryError(f"{to} exists and is not empty: name a new folder, or --resume")
        to.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pretty_json(settings.model_dump()))
        return
    if not any((to / CHECKPOINTS).glob("checkpoint-*")):
        raise FactoryError(f"{to} has no checkpoint to resume: start again in a new folder")
    try:
        before = Settings.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FactoryError(f"{path} is missing or damaged: start again in a new folder") from error
    old, new = before.model_dump(), settings.model_dump()
    if changed := [key for key in new if old[key] != new[key]]:
        key = changed[0]
        raise FactoryError(f"{to} was started with {key} {old[key]}, not {new[key]}: resume it "
                           "with the same, or start again in a new folder")  # fmt: skip


def _load_validation(export: Export, tasks: tuple[str, ...], to: Path) -> Any:
    if VALIDATION not in export.digests:
        return None
    rows = choose(export, VALIDATION, tasks, VALIDATION_PAIRS).rows
    return load_rows(export, VALIDATION, rows, to / CACHE)


def _was_validated(trainer: Any) -> bool:
    """Return whether the validation loss of the last step is known."""
    found = (entry["step"] for entry in trainer.state.log_history if "eval_loss" in entry)
    return trainer.state.global_step in found


def _make_record(
    family: Family, export: Export, settings: Settings, chosen: Chosen, trainer: Any
) -> Tuning:
    history = trainer.state.log_history
    losses = [entry["loss"] for entry in history if "loss" in entry]
    loss = {"first": losses[0], "last": losses[-1]} if losses else {}
    if found := [entry["eval_loss"] for entry in history if "eval_loss" in entry]:
        loss["validation"] = found[-1]
    return Tuning(
        family=family.name,
        max_pixels=export.max_pixels,
        questions_version=load_questions()["version"],
        questions=first_questions(),
        settings=settings,
        balance=chosen.balance,
        licences=chosen.licences,
        loss=loss,
        packages={package: version(package).split("+")[0] for package in PACKAGES},
    )


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="export of TRL's conversations")
    add("--model", required=True, metavar="DIR|OWNER/REPO@COMMIT", help="the base to tune")
    add("--fetch", action="store_true", help="fetch the base from the hub if it is not here")
    add("--to", type=Path, required=True, help="new folder")
    add("--method", choices=get_args(Method), default="lora")
    add("--tasks", default=",".join(ALL_TASKS), help="comma-separated")
    add("--pairs", type=int, default=0, help="pairs to use, evenly over the export; 0 = all")
    add("--epochs", type=float, default=1.0)
    add("--steps", type=int, default=0, help="instead of whole epochs")
    add("--batch", type=int, default=16, help="conversations a step")
    add("--device-batch", type=int, default=1, help="conversations at once on a device")
    add("--rate", type=float, default=0.0, help=f"learning rate at its maximum; {RATES}")
    add("--rank", type=int, default=16, help="of LoRA")
    add("--seed", type=int, default=0)
    add("--save-every", type=int, default=100, help="steps between checkpoints")
    add("--resume", action="store_true", help="go on from the newest checkpoint")
    add("--no-validation", dest="validate", action="store_false", help="no validation loss")
    return parser


def run(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Raises:
        FactoryError: something is missing or does not fit.
    """
    options = vars(make_parser().parse_args(arguments))
    for name in ("batch", "device_batch", "rank", "save_every"):
        if options[name] < 1:
            raise FactoryError(f"--{name.replace('_', '-')} must be at least 1")
    if min(options["pairs"], options["steps"], options["rate"]) < 0 or options["epochs"] <= 0:
        raise FactoryError("--pairs, --steps and --rate must not be negative, --epochs positive")
    options["tasks"] = tasks = tuple(options["tasks"].split(","))
    if wrong := [task for task in tasks if task not in ALL_TASKS]:
        raise FactoryError(f"no task {wrong[0]!r}: choose of {', '.join(ALL_TASKS)}")
    if options.pop("fetch") and not Path(options["model"]).is_dir():
        hub.fetch(hub.find(options["model"]))
    tuning = tune(**options)
    loss = ", ".join(f"{name} {value:.3f}" for name, value in tuning.loss.items())
    print(f"loss: {loss}; written to {options['to']}")


if __name__ == "__main__":
    try:
        run()
    except FactoryError as error:
        sys.exit(f"train: {error}")
