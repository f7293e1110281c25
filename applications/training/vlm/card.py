"""The card of a tuned model: what it is, what it was tuned on, how to ask it."""

from __future__ import annotations

from pathlib import Path

from applications.inspectors.vlm.record import Tuning

_CARD = """# {family}, tuned on flawfactory's conversations

{method} of `{base}`
(revision `{revision}`), to say whether a picture is flawed, where and why, in strict JSON.

| Task | Conversations by answer |
|---|---|
{balance}

Licences of the photos, in conversations: {licences}.

Pictures had at most {max_pixels} pixels at the size at which the model sees them; boxes are
{boxes}. Keep that limit when you run the model. `tuning.json` has the questions, settings and
digests of the data, `log.json` the loss. Loss: {loss}.

To measure it with flawfactory, name this folder as `inspectors.vlm.model` in a file of params:

    flawfactory evaluate data/package --inspector vlm --params FILE
"""
_METHODS = {
    "lora": "A LoRA adapter of rank {rank} (language model and projector)",
    "full": "Full tuning (language model and projector; the vision tower is frozen)",
}
_BOXES = {"qwen2.5-vl": "in pixels of that size"}


def write_card(folder: Path, tuning: Tuning) -> None:
    """Write ``README.md`` over the one that the trainer left."""
    settings = tuning.settings
    balance = "\n".join(
        f"| {task} | {', '.join(f'{count} {kind}' for kind, count in counts.items())} |"
        for task, counts in tuning.balance.items()
    )
    text = _CARD.format(
        family=tuning.family,
        method=_METHODS[settings.method].format(rank=settings.rank),
        base=settings.base,
        revision=settings.revision,
        balance=balance,
        licences=", ".join(f"{name} {count}" for name, count in tuning.licences.items()),
        max_pixels=tuning.max_pixels,
        boxes=_BOXES.get(tuning.family, "shares of the picture times 1000"),
        loss=", ".join(f"{name} {value:.3f}" for name, value in tuning.loss.items()),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
