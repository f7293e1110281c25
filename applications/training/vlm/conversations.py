"""Open the conversations that ``flawfactory export trl`` wrote, and check them before training."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from pyarrow import ArrowException

from applications.inspectors.vlm.answers import TASKS, parse, say_yes_or_no
from applications.inspectors.vlm.families import Family
from flows.exports.chat.conversations import load_questions
from stages.engine.files import sha256_file
from stages.engine.workspace import FactoryError

if TYPE_CHECKING:
    from datasets import Dataset

ALL_TASKS = tuple(TASKS)
SUMMARY, TRAIN, VALIDATION = "summary.json", "train", "validation"
_COLUMNS = {"id", "task", "pair", "licence", "images", "messages"}
_ANY = "any"
"""Kind of an answer to a task that has only one."""


@dataclass(frozen=True)
class Export:
    """An export for one family of models."""

    folder: Path
    max_pixels: int
    digests: dict[str, str]
    """sha256 of its files of conversations, by split."""

    def path(self, split: str) -> Path:
        """Return the file of a split."""
        return self.folder / "data" / f"{split}.parquet"


@dataclass(frozen=True)
class Chosen:
    """The conversations of a split that are used."""

    rows: list[int]
    """Their numbers in the file."""
    balance: dict[str, dict[str, int]]
    """Task to the number of conversations by answer: yes and no; which picture; any."""
    licences: dict[str, int]
    """Number of conversations by licence of their photo."""


def open_export(folder: Path, family: Family) -> Export:
    """Open an export.

    Raises:
        FactoryError: it is none of TRL's, of another family, of another version of the questions,
            or damaged.
    """
    remedy = f"`flawfactory export trl --target {family.name} --to FOLDER` writes what is needed"
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        target, limit = str(summary["target"]), int(summary["max_pixels"])
        version = summary["questions"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FactoryError(f"{folder} is no export of conversations: {remedy}") from error
    if not (folder / "data" / f"{TRAIN}.parquet").is_file():
        raise FactoryError(f"{folder} has no data/{TRAIN}.parquet: {remedy}")
    if target != family.name:
        raise FactoryError(
            f"{folder} was exported for {target}, the model is a {family.name}: its boxes would be "
            f"off. {remedy}"
        )
    if version != load_questions()["version"]:
        raise FactoryError(
            f"{folder} has version {version} of the questions, this checkout asks version "
            f"{load_questions()['version']}: export it again"
        )
    found = Export(folder, limit, {})
    for split in (TRAIN, VALIDATION):
        path = found.path(split)
        if path.is_file():
            _check_columns(path, remedy)
            found.digests[split] = sha256_file(path)
    return found


def _check_columns(path: Path, remedy: str) -> None:
    try:
        missing = _COLUMNS - set(pq.read_schema(path).names)
    except (ArrowException, OSError) as error:
        raise FactoryError(f"{path} is not a Parquet file: {remedy}") from error
    if missing:
        raise FactoryError(f"{path} has no column {', '.join(sorted(missing))}: {remedy}")


def choose(export: Export, split: str, tasks: Sequence[str], pairs: int = 0) -> Chosen:
    """Choose conversations and check that every answer is strict JSON of its task's form.

    Args:
        export: the export.
        split: a split that it has.
        tasks: keys of `TASKS`; each must occur.
        pairs: number of pairs of pictures, evenly over the file; 0 = all. A pair has as many
            clean pictures as flawed ones.

    Raises:
        FactoryError: nothing is left, a task does not occur, or an answer has another form.
    """
    path = export.path(split)
    table = pq.read_table(path, columns=["id", "task", "pair", "licence", "messages"])
    names = table["pair"].to_pylist()
    wanted = _spread(list(dict.fromkeys(names)), pairs)
    kinds = table["task"].to_pylist()
    found = [n for n, kind in enumerate(kinds) if kind in tasks and names[n] in wanted]
    if not found:
        raise FactoryError(f"{path} has no conversation of the tasks {', '.join(tasks)}")
    balance: dict[str, Counter[str]] = {task: Counter() for task in tasks}
    licences: Counter[str] = Counter()
    for row in _rows(table.take(found)):
        task = str(row["task"])
        try:
            answer = parse(task, row["messages"][1]["content"][0]["text"])
        except (ValueError, LookupError, TypeError) as error:
            raise FactoryError(
                f"{path}: the answer of {row['id']} is not of the form of {task}: {error}"
            ) from error
        balance[task][say_yes_or_no(task, answer) or _ANY] += 1
        licences[str(row["licence"] or "unknown")] += 1
    if not pairs and (missing := [task for task in tasks if not balance[task]]):
        raise FactoryError(
            f"{path} has no conversation of {', '.join(missing)}: export it again, or leave that "
            "out of --tasks"
        )
    return Chosen(
        found,
        {task: dict(sorted(counts.items())) for task, counts in balance.items() if counts},
        dict(sorted(licences.items())),
    )


def _spread(names: list[str], count: int) -> set[str]:
    """Return `count` of the names, evenly spread; all if it is 0 or more than there are."""
    if not 0 < count < len(names):
        return set(names)
    return {names[n * len(names) // count] for n in range(count)}


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=1000):
        yield from batch.to_pylist()


def load_rows(export: Export, split: str, rows: Sequence[int], cache: Path) -> Dataset:
    """Load conversations as TRL reads them: ``images``, ``prompt`` and ``completion``.

    With prompt and completion apart only the answer is learnt, whatever the model's chat template.

    Args:
        export: the export.
        split: a split that it has.
        rows: numbers of conversations in its file.
        cache: folder for the memory-mapped copy.
    """
    from datasets import Dataset

    data = Dataset.from_parquet(str(export.path(split)), cache_dir=str(cache))
    assert isinstance(data, Dataset)  # not an iterable one  # noqa: S101
    return data.select_columns(["images", "messages"]).select(rows).with_transform(_split_turns)


def _split_turns(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {
        "images": batch["images"],
        "prompt": [messages[:1] for messages in batch["messages"]],
        "completion": [messages[1:] for messages in batch["messages"]],
    }


def describe_balance(balance: dict[str, dict[str, int]]) -> str:
    """Return a line a task, such as ``detection: 40 no, 40 yes``."""
    return "\n".join(
        f"{task}: {', '.join(f'{count} {kind}' for kind, count in counts.items())}"
        for task, counts in balance.items()
    ).replace(f" {_ANY}", "")
