"""Review files: what people say about rendered flaws, by the digest of a flaw's pixels.

A mark accepts or rejects one flaw. Its key is the sha256 of the flaw's picture as inject writes it
(member ``<variant>.artifact.png``), so that it never applies to other pixels. docs/reviewing.md
describes the format and the rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, FailFast, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from stages.engine.codes import RejectCode
from stages.engine.files import canonical_json, sha256
from stages.engine.section import format_value
from stages.engine.workspace import FactoryError
from stages.records.documents import Document

FOLDER = "reviews"
"""Folder of the checkout that holds the review files; stage filter depends on it in dvc.yaml."""
FORMAT, VERSION = "flawfactory-review", 1
MAX_BYTES, MAX_MARKS = 64 * 2**20, 250_000
_PROBLEMS = 3
"""Maximum number of problems of a file that its message names."""

Decision = Literal["accept", "reject"]
Reason = Literal[
    "", "not_perceptible", "wrong_place", "not_intended", "not_convincing", "bad_mask", "other"
]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Reviewer = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Flaw = Annotated[str, Field(pattern=r"^[0-9a-f]{16}-v[0-9]{1,9}$")]


class ReviewCode(RejectCode):
    """Reasons to reject a variant that the judge may have passed."""

    REJECTED_BY_REVIEW = "rejected_by_review"
    """The majority of the people who marked the flaw rejects it."""


class Mark(Document):
    """A person's verdict on one flaw."""

    pixels_sha256: Digest
    """The mark's key: sha256 of the member ``<variant>.artifact.png`` of stage inject."""
    flaw: Flaw
    """``<photo>-<variant>`` when it was marked; for messages, since variants may be renumbered."""
    verdict: Decision
    reason: Reason = ""
    """Why it is rejected."""
    note: Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]*$")] = ""
    """Free text, which is never published."""
    time: AwareDatetime

    @model_validator(mode="after")
    def _check_reason(self) -> Self:
        if self.reason and self.verdict == "accept":
            raise PydanticCustomError("reason", "reason is for rejected flaws only")
        return self

    @property
    def photo(self) -> str:
        """Key of the flaw's photo."""
        return self.flaw.partition("-")[0]


class ReviewFile(Document):
    """The marks of one reviewer."""

    format: Literal["flawfactory-review"]
    version: Literal[1]
    data_set: Digest
    """Digest of the tables of stage filter in the version that the reviewer looked at."""
    reviewer: Reviewer
    """A name of the reviewer's choice. What is published is `reviewer_digest`."""
    marks: Annotated[list[Mark], Field(max_length=MAX_MARKS), FailFast()]

    @model_validator(mode="after")
    def _check_repetition(self) -> Self:
        counts = Counter(mark.pixels_sha256 for mark in self.marks)
        if twice := next((mark for mark in self.marks if counts[mark.pixels_sha256] > 1), None):
            raise PydanticCustomError(
                "twice", "{flaw} is marked twice ({digest})",
                {"flaw": twice.flaw, "digest": twice.pixels_sha256[:12]},
            )  # fmt: skip
        return self


def make_review(data_set: str, reviewer: str, marks: Sequence[Mark]) -> ReviewFile:
    """Make a review file of this version of the format.

    Raises:
        ValidationError: a name or digest is not valid, or a flaw is marked twice.
    """
    return ReviewFile(
        format=FORMAT, version=VERSION, data_set=data_set, reviewer=reviewer, marks=list(marks)
    )


def parse_review(data: bytes, name: str) -> ReviewFile:
    """Parse and check a review file.

    Args:
        data: its bytes.
        name: its name, for messages.

    Raises:
        FactoryError: it is too large, no JSON, of another format or version, or not valid.
    """
    if len(data) > MAX_BYTES:
        raise FactoryError(_too_large(name, len(data)))
    try:
        return ReviewFile.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise FactoryError(f"{name}: {_explain(error)}") from error


def read_review(path: Path, name: str = "") -> tuple[ReviewFile, str]:
    """Read a review file; return it with the sha256 of its bytes.

    Args:
        path: the file.
        name: its name in messages; by default its path.

    Raises:
        FactoryError: it cannot be read, or as for `parse_review`.
    """
    name = name or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise FactoryError(_too_large(name, path.stat().st_size))
    except OSError as error:
        raise FactoryError(f"{name}: {error.strerror}") from error
    return parse_review(data, name), sha256(data)


def _too_large(name: str, size: int) -> str:
    return (
        f"{name}: {size:,} bytes; a review file holds at most {MAX_BYTES:,} bytes and "
        f"{MAX_MARKS:,} marks: split it"
    )


def _explain(error: ValidationError) -> str:
    """Say what is wrong with a file, the coarsest fault first."""
    problems = error.errors(include_url=False)
    of_place = {problem["loc"]: problem for problem in problems}
    first = problems[0]
    if first["type"] == "json_invalid":
        return f"not JSON, or cut off ({first['msg']}): save or download it again"
    if (() in of_place and first["type"] != "twice") or ("format",) in of_place:
        return f'not a review file: "format" must be "{FORMAT}"'
    if ("version",) in of_place:
        return (
            f"version {format_value(of_place[('version',)]['input'])} of the format; this version "
            f"of flawfactory reads {VERSION}: update flawfactory, or download the marks again"
        )
    lines = [f"{'.'.join(map(str, p['loc'])) or 'file'}: {p['msg']}" for p in problems]
    more = f"; and {len(lines) - _PROBLEMS} more" if len(lines) > _PROBLEMS else ""
    return "; ".join(lines[:_PROBLEMS]) + more


def dump_review(review: ReviewFile) -> bytes:
    """Encode a review file with one mark a line, so that git shows which marks changed."""
    head = review.model_dump(mode="json", exclude={"marks"})
    marks = sorted(review.marks, key=lambda mark: (mark.flaw, mark.pixels_sha256))
    lines = b",\n".join(canonical_json(mark.model_dump(mode="json")) for mark in marks)
    start = canonical_json(head)[:-1]
    return start + (b',"marks":[\n%s\n]}\n' % lines if marks else b',"marks":[]}\n')


def reviewer_digest(reviewer: str) -> str:
    """Return the name under which a reviewer's verdicts are published: 16 hex digits.

    It hides nothing from somebody who guesses the name, since names can be tried.
    """
    return sha256(f"flawfactory reviewer {reviewer}".encode())[:16]


@dataclass(frozen=True)
class Opinion:
    """What all reviewers say about one flaw."""

    accepted_by: tuple[str, ...]
    """Reviewers, sorted."""
    rejected_by: tuple[str, ...]
    reasons: tuple[str, ...]
    """Of the rejections, sorted, each once."""

    @property
    def verdict(self) -> Decision | None:
        """The majority's verdict; None if as many accept as reject."""
        accepts, rejects = len(self.accepted_by), len(self.rejected_by)
        if accepts == rejects:
            return None
        return "accept" if accepts > rejects else "reject"

    @property
    def disputed(self) -> bool:
        """Whether the reviewers disagree."""
        return bool(self.accepted_by and self.rejected_by)

    @property
    def share(self) -> float:
        """Share of the reviewers who accept, 0 to 1."""
        return len(self.accepted_by) / (len(self.accepted_by) + len(self.rejected_by))


def combine(files: Iterable[ReviewFile]) -> dict[str, Opinion]:
    """Combine review files: digest of a flaw's pixels to what the reviewers say about it.

    Each reviewer has one vote. Of several marks by the same reviewer, in several files, the latest
    counts; of marks of the same time, the one that rejects.
    """
    latest: dict[str, dict[str, Mark]] = {}
    for file in files:
        for mark in file.marks:
            votes = latest.setdefault(mark.pixels_sha256, {})
            other = votes.get(file.reviewer)
            if other is None or _rank(other) < _rank(mark):
                votes[file.reviewer] = mark
    return {digest: _count(votes) for digest, votes in sorted(latest.items())}


def _rank(mark: Mark) -> tuple[datetime, bool, str]:
    return mark.time, mark.verdict == "reject", mark.reason


def _count(votes: Mapping[str, Mark]) -> Opinion:
    rejects = {who: mark for who, mark in votes.items() if mark.verdict == "reject"}
    return Opinion(
        accepted_by=tuple(sorted(votes.keys() - rejects)),
        rejected_by=tuple(sorted(rejects)),
        reasons=tuple(sorted({mark.reason for mark in rejects.values()} - {""})),
    )


@dataclass(frozen=True)
class Reviews:
    """Review files as they apply to one build."""

    opinions: Mapping[str, Opinion] = field(default_factory=dict)
    """Digest of a flaw's pixels to the opinion, for the flaws of the build."""
    files: Mapping[str, ReviewFile] = field(default_factory=dict)
    """Name to file."""
    stale: Mapping[str, Sequence[Mark]] = field(default_factory=dict)
    """Name of a file to its marks of pixels that the build does not have; they do not apply."""


def apply_to(
    files: Mapping[str, ReviewFile], pixels: frozenset[str], photos: frozenset[str]
) -> Reviews:
    """Sort out which marks apply to a build.

    Args:
        files: name to review file.
        pixels: digests of all flaws that the build has rendered.
        photos: keys of all photos that the build was given.

    Raises:
        FactoryError: a file is about another data set: the build has none of its photos.
    """
    stale: dict[str, list[Mark]] = {}
    for name, file in files.items():
        known = {mark.photo for mark in file.marks}
        if known and not known & photos:
            raise FactoryError(
                f"{name}: a review of another data set: none of its {len(known)} photos "
                f"({min(known)} ...) is among the {len(photos)} of this build. Move it out of "
                f"{FOLDER}/, or take it out of `filter.reviews` in params.yaml"
            )
        if lost := [mark for mark in file.marks if mark.pixels_sha256 not in pixels]:
            stale[name] = lost
    opinions = {
        digest: opinion for digest, opinion in combine(files.values()).items() if digest in pixels
    }
    return Reviews(opinions, files, stale)


def find_files(root: Path, patterns: Sequence[str]) -> dict[str, Path]:
    """Find the files that `patterns` of ``filter.reviews`` name: name below the checkout to path.

    Raises:
        FactoryError: a pattern without wildcard names no file.
    """
    found: dict[str, Path] = {}
    for pattern in patterns:
        paths = sorted(path for path in root.glob(pattern) if path.is_file())
        if not paths and not set("*?[") & set(pattern):
            raise FactoryError(f"params.yaml: `filter.reviews`: there is no file {pattern}")
        found |= {path.relative_to(root).as_posix(): path for path in paths}
    return dict(sorted(found.items()))


def read_reviews(
    root: Path, patterns: Sequence[str]
) -> tuple[dict[str, ReviewFile], dict[Path, str]]:
    """Read the files that `patterns` name; return them by name, and the sha256 of each path.

    Raises:
        FactoryError: as for `find_files` and `read_review`.
    """
    files, digests = {}, {}
    for name, path in find_files(root, patterns).items():
        files[name], digests[path] = read_review(path, name)
    return files, digests
