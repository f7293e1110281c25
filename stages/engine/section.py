"""Base of all settings: sections of params.yaml, factory.toml, options of the profiles.

Settings are validated completely when their file is read, before any work: unknown keys, wrong
types, numbers that are not finite or out of bounds and bands in the wrong order are errors. A test
walks all sections and checks that every number has bounds.
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
"""A share or a probability, 0 to 1."""
PositiveShare = Annotated[float, Field(gt=0, le=1)]
"""A share above 0, where 0 would make no sense."""
Mean = Annotated[float, Field(ge=0, le=1000)]
"""A gate's bound on a mean of counts."""
Count = Annotated[int, Field(ge=0, le=10**9)]
"""A number of items in a whole data set."""


def _check_order(band: tuple[float, float]) -> tuple[float, float]:
    if band[0] >= band[1]:
        raise PydanticCustomError(
            "out_of_order", "The minimum, {low}, must be below the maximum, {high}",
            {"low": band[0], "high": band[1]},
        )  # fmt: skip
    return band


Strings = Annotated[tuple[str, ...], Field(strict=False)]
"""A list of strings."""
Band = Annotated[tuple[Share, Share], Field(strict=False), AfterValidator(_check_order)]
"""Minimum and maximum share."""


class Section(BaseModel):
    """Base of all settings. Refuses unknown keys, other types, NaN, infinity, reversed bands."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    ordered: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Pairs of fields of which the first must not be above the second. Fields called ``min_x`` and
    ``max_x`` are such a pair without being listed."""

    @classmethod
    def bands(cls) -> list[tuple[str, str]]:
        """Return the names of the lower and the upper field of every band."""
        lower = [name for name in cls.model_fields if name.startswith("min_")]
        both = [(name, f"max_{name[4:]}") for name in lower]
        return [*cls.ordered, *((low, high) for low, high in both if high in cls.model_fields)]

    @model_validator(mode="after")
    def _check_bands(self) -> Self:
        for low, high in self.bands():
            if getattr(self, low) > getattr(self, high):
                raise refusal(low, getattr(self, low), f"must not be above `{high}`, "
                              f"{getattr(self, high)}")  # fmt: skip
        return self


def refusal(key: str, value: Any, message: str) -> PydanticCustomError:
    """Return the error that a section's validator raises about one key of the section.

    Args:
        key: the key, with dots for nested ones.
        value: the key's value.
        message: continues "Input ...", e.g. ``must not be above 3``.
    """
    # pydantic formats the message, so its braces must be escaped.
    text = f"Input {message}".replace("{", "{{").replace("}", "}}")
    return PydanticCustomError("refused", text, {"key": key, "value": value})  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Leaf:
    """A single value of a section, as the section's JSON schema describes it."""

    path: tuple[str, ...]
    """Keys that lead to the value. An index stands for a place in a tuple, ``*`` for any key of a
    mapping, ``#`` for any place in a list."""
    schema: dict[str, Any]

    @property
    def allowed(self) -> str:
        """The range or the choices as text; empty if there are none."""
        if choices := self.schema.get("enum"):
            return ", ".join(map(str, choices))
        low, high = self.schema.get("minimum"), self.schema.get("maximum")
        above, below = self.schema.get("exclusiveMinimum"), self.schema.get("exclusiveMaximum")
        minimum = f"{low}" if above is None else f"{above} (exclusive)"
        maximum = f"{high}" if below is None else f"{below} (exclusive)"
        if (high, below) == (None, None):
            return "" if (low, above) == (None, None) else f"{minimum} or more"
        return f"{minimum} to {maximum}"

    def matches(self, path: Sequence[str]) -> bool:
        """Whether `path`, as it stands in a file, leads to this value."""
        return len(self.path) == len(path) and self.is_within(path)

    def is_within(self, path: Sequence[str]) -> bool:
        """Whether `path`, as it stands in a file, leads to this value or to one that holds it."""
        same = (mine in ("*", "#", theirs) for mine, theirs in zip(self.path, path, strict=False))
        return len(self.path) >= len(path) and all(same)

    def moved_from(self, path: Sequence[str]) -> tuple[str, ...]:
        """Return the path that replaces the unknown key at `path`; empty if this leaf does not.

        A leaf replaces a key of the same name that is nested deeper and leads to the leaf, or the
        name that the leaf's schema gives as ``formerly``.
        """
        depth, key = len(path) - 1, path[-1]
        if self.schema.get("formerly") == key:
            return self.path
        return self.path[: self.path.index(key, depth) + 1] if key in self.path[depth:] else ()


@cache
def leaves(model: type[BaseModel]) -> list[Leaf]:
    """Return every value of a section, those of nested sections included."""
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


def format_value(value: Any) -> str:
    """Return the `repr` of a value, shortened to fit into a message."""
    short = reprlib.Repr()
    short.maxstring = short.maxlong = short.maxother = 60
    short.maxlevel = 3  # YAML's aliases make a few lines a value of billions
    return short.repr(value)


def key_path(problem: ErrorDetails, values: Any) -> list[str]:
    """Return the keys that lead to a problem, without those that pydantic inserts for unions."""
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
    """Return the message about an unknown key, with the closest known key or a list of all."""
    close = difflib.get_close_matches(place[-1], known, n=1)
    hint = (
        f"did you mean `{close[0]}`?" if close else f"known: {', '.join(sorted(known)) or 'none'}"
    )
    return f"unknown key `{'.'.join(place)}`; {hint}"


def complaints(
    error: ValidationError, model: type[BaseModel], values: Any, *prefix: str
) -> Iterator[str]:
    """Yield one line for each problem: key, message, value, allowed values.

    Args:
        error: raised by `model` for `values`.
        model: a section.
        values: the section as it stands in the file.
        prefix: keys that lead to the section.
    """
    known = leaves(model)
    for problem in error.errors():
        place = key_path(problem, values)
        if problem["type"] == "extra_forbidden":
            depth = len(place) - 1
            siblings = [leaf for leaf in known if leaf.is_within(place[:depth])]
            if moved := sorted({leaf.moved_from(place) for leaf in siblings} - {()}):
                places = " or ".join(f"`{'.'.join([*prefix, *path])}`" for path in moved)
                yield f"unknown key `{'.'.join([*prefix, *place])}`; did you mean {places}?"
            else:
                yield unknown_key([*prefix, *place], {leaf.path[depth] for leaf in siblings})
            continue
        given = problem.get("ctx", {}).get("value", problem["input"])
        leaf = next((leaf for leaf in known if leaf.matches(place)), None)
        allowed = f"; allowed: {leaf.allowed}" if leaf and leaf.allowed else ""
        message = problem["msg"].removeprefix("Value error, ")
        value = "a hidden value" if leaf and leaf.schema.get("writeOnly") else format_value(given)
        yield f"`{'.'.join([*prefix, *place])}`: {message} (got {value}{allowed})"
