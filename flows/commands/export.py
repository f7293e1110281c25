"""`flawfactory export`: write the data set in the format of another tool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from flows.console import console, say
from flows.exports import EXPORTS, load_format
from flows.exports.chat.targets import TARGETS
from flows.exports.options import Options, PictureFormat
from flows.exports.samples import Sample, count_pairs, read_samples
from flows.exports.writing import new_folder
from stages.engine.workspace import FactoryError, Workspace
from stages.package.split import SPLITS
from stages.tools import TOOLS


def export(
    name: Annotated[str, typer.Argument(metavar="FORMAT", help=f"One of {', '.join(EXPORTS)}.")],
    to: Annotated[Path, typer.Option(help="New folder for the export.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="A packaged data set; default data/package.")
    ] = None,
    splits: Annotated[str, typer.Option(help="Comma-separated; default all.")] = "",
    tools: Annotated[str, typer.Option(help="Comma-separated; default all.")] = "",
    min_pixels: Annotated[int, typer.Option(min=0, help="Smallest flaw, in mask pixels.")] = 0,
    pictures: Annotated[PictureFormat, typer.Option(help="File format; webp is lossless.")] = "png",
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of JPEG.")] = 95,
    max_side: Annotated[int, typer.Option(min=0, help="Longest side in pixels; 0 = keep.")] = 0,
    control: Annotated[bool, typer.Option(help="Include the controls as clean pictures.")] = True,
    target: Annotated[str, typer.Option(help=f"Conversations: one of {', '.join(TARGETS)}.")] = "",
    max_pixels: Annotated[
        int, typer.Option(min=0, help="Conversations: the model's limit on pixels; 0 = default.")
    ] = 0,
) -> None:
    """Export the packaged pairs. The same data and options give the same bytes."""
    if name not in EXPORTS:
        raise FactoryError(f"no format {name!r}: choose one of {', '.join(EXPORTS)}")
    chosen = load_format(name)
    if not chosen.chat and (target or max_pixels):
        raise FactoryError(f"{name} has no conversations: leave --target and --max-pixels out")
    options = Options(
        splits=_parse_names(splits, SPLITS, "split"),
        tools=_parse_names(tools, TOOLS, "tool"),
        min_pixels=min_pixels,
        picture_format=pictures,
        quality=quality,
        max_side=max_side,
        control=control,
        target=target,
        max_pixels=max_pixels,
    )
    folder = source or Workspace.find().stage("package")
    exported = Counted(read_samples(folder, options))
    total = count_pairs(folder, options)
    with new_folder(to) as temporary:
        shown = track(exported, name, total, console=console, disable=not console.is_terminal)
        chosen.write(shown, temporary, options)
        if not exported.count:
            raise FactoryError("no pair is left to export: loosen --splits, --tools, --min-pixels")
    say(f"{exported.count} of {total} pairs exported to {to}")


class Counted(Iterable[Sample]):
    """Counts the samples that pass through."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples, self.count = samples, 0

    def __iter__(self) -> Iterator[Sample]:
        for sample in self._samples:
            self.count += 1
            yield sample


def _parse_names(text: str, known: Iterable[str], kind: str) -> tuple[str, ...]:
    names = tuple(filter(None, (word.strip() for word in text.split(","))))
    if unknown := set(names) - set(known):
        words = ", ".join(sorted(unknown))
        raise FactoryError(f"no {kind} {words}: choose from {', '.join(known)}")
    return names
