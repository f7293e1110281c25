"""Take one photo through the stages in this process; only the picture is written to disk."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from pydantic import BaseModel

from flows.gallery.images import COLOURS
from stages import STAGES
from stages.catalogue import build_stage, check_machine, parse_params
from stages.engine.stage import Assembled, Output, Reject, RejectPhoto, Sample, Stage
from stages.engine.storage.digests import Digests
from stages.engine.workspace import CURRENT_PHOTO, FactoryError
from stages.ingest.files import FileProblem, digest_capped
from stages.records.documents import Explanations, Injection, Mapping, Outcome
from stages.records.images import open_png
from stages.tools import Tool

_CAPTION = 34


@dataclass
class Trial:
    """The outputs and rejects of one photo."""

    outputs: dict[str, Output] = field(default_factory=dict)
    rejects: list[tuple[str, Reject]] = field(default_factory=list)
    """Rejected variants, each with the name of the stage that rejected it."""


def limit_params(values: dict[str, Any], tool: Tool | None, variants: int) -> dict[str, BaseModel]:
    """Parse the values of params.yaml, limited to `tool` (None: any) and to `variants` variants."""
    # No gate thresholds: they apply to a data set, not to one photo.
    changes: dict[str, Any] = {"variants": variants, "max_per_tool": variants, "gate": {}}
    if tool is not None:
        changes["weights"] = {tool: 1.0}
    parse_params(values)  # report errors in the user's own values first
    params = parse_params({**values, "map": {**(values.get("map") or {}), **changes}})
    check_machine(params)
    return params


def _source_entry(photo: Path) -> dict[str, Any]:
    """Describe the photo as an entry of a source list.

    Raises:
        FactoryError: it cannot be read.
    """
    try:
        size, digest = digest_capped(photo, Digests(None))
    except FileProblem as problem:
        message = "is not there" if problem.code == "missing" else problem.message
        raise FactoryError(f"{photo} {message}") from problem
    return {"bytes": size, "sha256": digest}


def _make_sample(stage: Stage, key: str, outputs: dict[str, Output]) -> Sample:
    documents = {name: outputs[name].document.model_dump(mode="json") for name in stage.reads}
    members = {
        f"{name}/{member}": data
        for name, patterns in stage.reads.items()
        for member, data in outputs[name].members.items()
        if any(fnmatch.fnmatchcase(member, pattern) for pattern in patterns)
    }
    return Sample(key, documents, members)


def run_trial(photo: Path, params: dict[str, BaseModel], on_stage: Callable[[str], None]) -> Trial:
    """Take one photo from ingest to explain; call `on_stage` with the name of each stage.

    Raises:
        FactoryError: a stage rejected the photo; names the stage and the reason.
    """

    def set_up_stages() -> Iterator[Stage]:
        for name in STAGES:
            stage = build_stage(name, params)
            if stage.own_layout:  # packs all photos, not one
                continue
            on_stage(name)
            stage.setup()
            yield stage

    return run_stages(photo, set_up_stages())


def run_stages(photo: Path, stages: Iterable[Stage]) -> Trial:
    """Take one photo through `stages`, which are set up and in order, starting with ingest.

    Raises:
        FactoryError: a stage rejected the photo; names the stage and the reason.
    """
    source = _source_entry(photo)
    trial, key = Trial(), source["sha256"][:16]
    os.environ[CURRENT_PHOTO] = key
    for stage in stages:
        sample = _make_sample(stage, key, trial.outputs)
        if not stage.reads:
            place = {"folder": None, "path": str(photo.resolve())}
            sample = Sample(key, {"source": source, "place": place}, {})
        try:
            output = _sift(stage, key, stage.process(sample))
        except RejectPhoto as out:
            raise FactoryError(f"{photo}: {stage.name}: {out.message}") from out
        trial.outputs[stage.name] = output
        trial.rejects += [(stage.name, reject) for reject in output.rejects]
    return trial


def _sift(stage: Stage, key: str, output: Output) -> Output:
    """Apply the stage's `sift`, as the engine does when it assembles a stage's folder.

    `sift_block` is not applied: quotas, like gates, apply to a data set.
    """
    document = output.document.model_dump(mode="json")
    kept, rejects = stage.sift(Assembled(0, key, document, output.members, output.rejects))
    if not rejects:
        return output
    left = type(output.document).model_validate(kept.document)
    return Output(left, kept.members, [*kept.rejects, *rejects])


def draw_trial(trial: Trial) -> Image.Image:
    """Draw one row per picture: photo, control, flaws, flaws with masks; captions give the
    verdicts.

    Raises:
        FactoryError: no variant was rendered.
    """
    photo = open_png(trial.outputs["ingest"].members["photo.png"])
    injection, mapping = trial.outputs["inject"].document, trial.outputs["map"].document
    explained = trial.outputs["explain"].document
    assert isinstance(injection, Injection) and isinstance(mapping, Mapping)  # noqa: S101
    assert isinstance(explained, Explanations)  # noqa: S101
    words = {e.variant: f"accepted: {e.local}" for e in explained.explanations}
    words |= {r.variant: f"refused: {r.message}" for _, r in trial.rejects if r.variant}
    facts = {v.id: f"{v.tool} / {v.kernel}: {v.part_name}" for v in mapping.variants}
    if not injection.outcomes:
        raise FactoryError("; ".join(words.values()) or "no flaw could be rendered")
    picture_of = {variant.id: variant.picture for variant in mapping.variants}
    pictures: dict[str, list[Outcome]] = {}
    for outcome in injection.outcomes:
        pictures.setdefault(picture_of[outcome.variant], []).append(outcome)
    lines = max(map(len, pictures.values()))
    height = photo.height + _CAPTION * lines
    sheet = Image.new("RGB", (photo.width * 4, height * len(pictures)), "white")
    for row, outcomes in enumerate(pictures.values()):
        cells = _draw_picture(photo, outcomes, trial.outputs["inject"].members)
        for column, cell in enumerate(cells):
            sheet.paste(cell, (column * photo.width, row * height + _CAPTION * lines))
        for line, outcome in enumerate(outcomes):
            number = f"{line + 1}  " if len(outcomes) > 1 else ""
            text = f"{number}{facts[outcome.variant]}   {words.get(outcome.variant, '')}"
            place = (6, row * height + line * _CAPTION + 10)
            ImageDraw.Draw(sheet).text(place, text, fill="black", font_size=16)
    return sheet


def _draw_picture(
    photo: Image.Image, outcomes: Sequence[Outcome], members: ReadOnly[str, bytes]
) -> list[Image.Image]:
    """Draw photo, control, flaws as they were rendered, and flaws with masks."""
    control, flawed = photo.copy(), photo.copy()
    for outcome in outcomes:
        edit = open_png(members[f"{outcome.variant}.edit.png"], "L")
        for picture, name in ((control, "control"), (flawed, "artifact")):
            crop = open_png(members[f"{outcome.variant}.{name}.png"])
            picture.paste(crop, outcome.box[:2], edit)
    marked = flawed.copy()
    for number, outcome in enumerate(outcomes):
        mask = open_png(members[f"{outcome.variant}.mask.png"], "L")
        half = mask.point([value // 2 for value in range(256)])
        marked.paste(COLOURS[number % len(COLOURS)], outcome.box, half)
    return [photo, control, flawed, marked]
