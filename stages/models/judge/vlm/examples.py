"""The examples that are sent with the judge's question: flaws of our own whose verdict is plain.

``verdict/examples.toml`` says what each picture is, where its photo comes from and under which
licence, and holds the right answer.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from stages.engine.files import sha256
from stages.engine.workspace import FactoryError
from stages.models.chat import views
from stages.models.chat.prompts import Prompt
from stages.models.chat.request import Example
from stages.models.judge.vlm.answer import VerdictAnswer
from stages.records.documents import Box
from stages.records.images import read_png

FOLDER = Path(__file__).with_name("verdict")
PICTURES = 3
"""Pictures of a question: photo, flawed picture, flawed picture with the region marked."""


class Picture(BaseModel):
    """A PNG file of `FOLDER`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    file: Annotated[str, Field(pattern=r"^[\w-]+\.png$")]
    sha256: str

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises:
            FactoryError: the file is missing or is not the one in the ledger.
        """
        path = FOLDER / self.file
        data = path.read_bytes() if path.is_file() else b""
        if sha256(data) != self.sha256:
            raise FactoryError(f"{path} is missing or damaged: restore it with git checkout")
        return data


class LedgerEntry(BaseModel):
    """One example."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    tool: str
    intent: str
    """What was intended, as `describe_intent` words it."""
    part: str
    """Name of the part."""
    photo: Picture
    flawed: Picture
    box: Box
    """The region of the flaw in both pictures."""
    answer: VerdictAnswer
    source: str
    """The photo that the pictures are cut from."""
    licence: str
    """SPDX identifier of the photo's licence."""
    made: str
    """How the flawed picture was made."""

    def example(self, prompt: Prompt) -> Example:
        """Return the question with its three pictures and the answer."""
        photo, flawed = self.photo.read(), self.flawed.read()
        marked = views.png(views.mark_box(read_png(flawed), self.box))
        user = prompt.fill({"intent": self.intent, "part": self.part})
        return Example(user, (photo, flawed, marked), self.answer.model_dump_json())


@cache
def read_ledger() -> tuple[LedgerEntry, ...]:
    """Read ``examples.toml``."""
    data = tomllib.loads((FOLDER / "examples.toml").read_text(encoding="utf-8"))
    return tuple(map(LedgerEntry.model_validate, data["examples"]))


def select(entries: Sequence[LedgerEntry], tool: str, count: int) -> list[LedgerEntry]:
    """Select up to `count` examples: those of `tool` first, in the ledger's order."""
    return sorted(entries, key=lambda entry: entry.tool != tool)[:count]
