"""What every setting has in common, in params.yaml, factory.toml and the profiles' options.

A setting is wrong before any work or not at all: unknown keys, wrong types, numbers that are not
finite or out of bounds and bands in the wrong order are errors where the file is read. A test walks
all sections: every number has bounds.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

Share = Annotated[float, Field(ge=0, le=1)]
"""Of a whole, or a probability."""
LeastShare = Annotated[float, Field(gt=0, le=1)]
"""The same where none at all would mean nothing."""
Mean = Annotated[float, Field(ge=0, le=1000)]
"""A gate's bound on a mean that is a number of things."""
Count = Annotated[int, Field(ge=0, le=10**9)]
"""How many there are in a whole data set."""


def _in_order(band: tuple[float, float]) -> tuple[float, float]:
    if band[0] >= band[1]:
        raise PydanticCustomError(
            "out_of_order", "The least, {low}, must be below the greatest, {high}",
            {"low": band[0], "high": band[1]},
        )  # fmt: skip
    return band


Words = Annotated[tuple[str, ...], Field(strict=False)]
"""A list of strings."""
Band = Annotated[tuple[Share, Share], Field(strict=False), AfterValidator(_in_order)]
"""Least and greatest share."""


class Section(BaseModel):
    """Base of all settings: nothing is unknown, converted, not a number or upside down."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    ordered: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Fields that are a band beside those called ``min_x`` and ``max_x``: the first must not be
    above the second."""

    @classmethod
    def bands(cls) -> list[tuple[str, str]]:
        """Lower and upper field of every band."""
        lower = [name for name in cls.model_fields if name.startswith("min_")]
        both = [(name, f"max_{name[4:]}") for name in lower]
        return [*cls.ordered, *((low, high) for low, high in both if high in cls.model_fields)]

    @model_validator(mode="after")
    def _bands_in_order(self) -> Self:
        for low, high in self.bands():
            if getattr(self, low) > getattr(self, high):
                raise refusal(low, getattr(self, low), f"must not be above `{high}`, "
                              f"{getattr(self, high)}")  # fmt: skip
        return self


def refusal(key: str, value: Any, message: str) -> PydanticCustomError:
    """What a section's validator raises about one of its keys, as if the key's own had."""
    # Braces in a message would be slots.
    words = f"Input {message}".replace("{", "{{").replace("}", "}}")
    return PydanticCustomError("refused", words, {"key": key, "value": value})  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Leaf:
    """A value that a file can hold, from the section's JSON schema."""

    path: tuple[str, ...]
    """Keys; places in a tuple are their numbers, any key of a mapping is ``*``, any place in a list
    ``#``."""
    schema: dict[str, Any]

    @property
    def allowed(self) -> str:
        """Its range or choices in words; empty where there is none."""
        if choices := self.schema.get("enum"):
            return ", ".join(map(str, choices))
        low, high = self.schema.get("minimum"), self.schema.get("maximum")
        above, below = self.schema.get("exclusiveMinimum"), self.schema.get("exclusiveMaximum")
        least = f"{low}" if above is None else f"{above} (not itself)"
        greatest = f"{high}" if below is None else f"{below} (not itself)"
        if (high, below) == (None, None):
            return "" if (low, above) == (None, None) else f"{least} or more"
        return f"{least} to {greatest}"

    def fits(self, path: Sequence[str]) -> bool:
        """Whether a value's place in a file is this leaf's."""
        return len(self.path) == len(path) and self.below(path)

    def below(self, path: Sequence[str]) -> bool:
        """Whether it lies in what a place in a file holds, or is it."""
        same = (mine in ("*", "#", theirs) for mine, theirs in zip(self.path, path, strict=False))
        return len(self.path) >= len(path) and all(same)


@cache
def leaves(model: type[BaseModel]) -> list[Leaf]:
    """Every value of a section, its nested sections included."""
    schema = model.model_json_schema()
    return list(_leaves(schema, (), schema.get("$defs", {})))


def _leaves(schema: dict[str, Any], path: tuple[str, ...], known: dict[str, Any]) -> Iterator[Leaf]:
    if reference := schema.get("$ref"):
        schema = known[reference.rpartition("/")[2]]
    for other in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _leaves(other, path, known)
    for name, inner in schema.get("properties", {}).items():
        yield from _leaves(inner, (*path, name), known)
    for place, inner in enumerate(schema.get("prefixItems", ())):
        yield from _leaves(inner, (*path, str(place)), known)
    for kind, key in (("additionalProperties", "*"), ("items", "#")):
        if isinstance(inner := schema.get(kind), dict):
            yield from _leaves(inner, (*path, key), known)
    if schema.get("type") not in (None, "object", "array"):
        yield Leaf(path, schema)


def shown(value: Any) -> str:
    """A value as a message quotes it: short, whatever stands in the file."""
    short = reprlib.Repr()
    short.maxstring = short.maxlong = short.maxother = 60
    return short.repr(value)


def place_of(problem: ErrorDetails, values: Any) -> list[str]:
    """Keys that lead to a problem, without what pydantic puts between them for unions."""
    place: list[str] = []
    for part in problem["loc"]:
        with suppress(KeyError, IndexError, TypeError):
            values = values[part]
            place.append(str(part))
    if problem["type"] in ("missing", "invalid_key"):
        place.append(str(problem["loc"][-1]))
    if problem["type"] == "refused":
        place += problem.get("ctx", {})["key"].split(".")
    return place


def unknown_key(place: Sequence[str], known: Iterable[str]) -> str:
    """The complaint about a key, with the nearest known one or all of them."""
    close = difflib.get_close_matches(place[-1], known, n=1)
    hint = (
        f"did you mean `{close[0]}`?" if close else f"known: {', '.join(sorted(known)) or 'none'}"
    )
    return f"unknown key `{'.'.join(place)}`; {hint}"


def complaints(
    error: ValidationError, model: type[BaseModel], values: Any, *prefix: str
) -> Iterator[str]:
    """What is wrong, a line a problem: key, words, the value, what is allowed.

    Args:
        error: of `model` on `values`.
        model: a section.
        values: as they stood in the file.
        prefix: keys that lead to the section.
    """
    known = leaves(model)
    for problem in error.errors():
        place = place_of(problem, values)
        if problem["type"] == "extra_forbidden":
            depth = len(place) - 1
            beside = [leaf for leaf in known if leaf.below(place[:depth])]
            yield unknown_key([*prefix, *place], {leaf.path[depth] for leaf in beside})
            continue
        given = problem.get("ctx", {}).get("value", problem["input"])
        leaf = next((leaf for leaf in known if leaf.fits(place)), None)
        allowed = f"; allowed: {leaf.allowed}" if leaf and leaf.allowed else ""
        words = problem["msg"].removeprefix("Value error, ")
        value = "what is given" if leaf and leaf.schema.get("writeOnly") else shown(given)
        yield f"`{'.'.join([*prefix, *place])}`: {words} (got {value}{allowed})"
