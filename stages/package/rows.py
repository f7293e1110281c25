"""The rows of the manifest, one a flaw, and their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, get_origin

from pydantic import BaseModel

from stages.engine.workspace import FactoryError
from stages.models import registry
from stages.package.members import ImageFormat, list_members
from stages.package.pair import Calls, Flaw, PublishedPair, Texts, Usage

_SCALARS = (str, int, float, bool)
_TEXTS = {"author": "author", "overall": "overall_text", "clean": "clean_text"}
"""Field of `Texts` to its column."""


@cache
def manifest_columns(image_format: ImageFormat = "png") -> Mapping[str, type]:
    """Return the columns of the manifest with their types.

    They are those of the record's models, and one for each score of any judge: the same for every
    profile and data set with pictures of this file format. Only scores may be None.
    """
    own = _scalar_fields(Flaw, without=("id",))
    whole = _scalar_fields(PublishedPair, without=("pair", "photo", "picture"))
    return {
        **dict.fromkeys(("key", "variant", "pair", "picture"), str),
        **{_pair_column(name, own): kind for name, kind in whole.items()},
        "flaws": int,
        **own,
        "mapping_sha256": str,
        **{_TEXTS[name]: kind for name, kind in _scalar_fields(Texts).items()},
        **{
            f"calls.{part}.{name}": kind
            for part in _usage_parts()
            for name, kind in _scalar_fields(Usage).items()
        },
        "shard": str,
        **dict.fromkeys(("shard_start", "shard_stop"), int),
        **{f"sha256.{member}": str for member in list_members(image_format)},
        **{f"score.{name}": float for name in registry.scores()},
    }


def make_rows(pair: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Make a pair's rows of the manifest from its record, without columns that are not in it.

    The pair's columns are repeated. Of those that both have, the pair's are prefixed ``pair_``.
    """
    own = _scalar_fields(Flaw, without=("id",))
    whole = {n: pair[n] for n in _scalar_fields(PublishedPair) if n in pair}
    shared = {
        **{_pair_column(n, own): v for n, v in whole.items() if n not in ("photo", "pair")},
        "flaws": len(pair["flaws"]),
        **{column: pair["explanation"][name] for name, column in _TEXTS.items()},
        **{
            f"calls.{part}.{name}": value
            for part in _usage_parts()
            for name, value in pair["calls"][part].items()
        },
    }
    return [
        {
            **{"key": pair["photo"], "variant": flaw["id"], "pair": pair["pair"]},
            **shared,
            **{name: flaw[name] for name in own},
            "mapping_sha256": flaw["mapping"]["sha256"],
            **{f"score.{score['name']}": score["value"] for score in flaw["scores"]},
        }
        for flaw in pair["flaws"]
    ]


def complete_row(row: Mapping[str, Any], image_format: ImageFormat = "png") -> dict[str, Any]:
    """Give a row all columns of the manifest, in their order; None where it has no value.

    Raises:
        FactoryError: it has a score that no judge declares.
    """
    columns = manifest_columns(image_format)
    if unknown := sorted(row.keys() - columns.keys()):
        raise FactoryError(
            f"{row['pair']} has {', '.join(unknown)}, which no judge declares: add the name to "
            f"`scores` of the judge {row.get('judge')}"
        )
    return {name: row.get(name) for name in columns}


def _pair_column(name: str, own: Mapping[str, type]) -> str:
    return f"pair_{name}" if name in own else name


def _usage_parts() -> list[str]:
    return [name for name, field in Calls.model_fields.items() if field.annotation is Usage]


def _scalar_fields(model: type[BaseModel], without: Sequence[str] = ()) -> dict[str, type]:
    """Return the fields with a scalar type; a choice of words is a str."""
    found: dict[str, type] = {}
    for name, field in model.model_fields.items():
        kind: Any = str if get_origin(field.annotation) is Literal else field.annotation
        if kind in _SCALARS and name not in without:
            found[name] = kind
    return found
