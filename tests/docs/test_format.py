"""Compare the tables of docs/format.md with the models and schemas that the code writes."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from stages import STAGES
from stages.catalogue import build_stage, parse_params
from stages.engine.storage.tables import PHOTO_COLUMNS, REJECT_COLUMNS
from stages.models import registry
from stages.models.registry import PromptText, UsedModel
from stages.package import croissant, pair, provenance
from stages.package.assemble import CARD
from stages.package.members import list_members
from stages.package.rows import manifest_columns
from stages.package.terms import Terms
from stages.records.documents import SCHEMA_VERSION, Box, ModelCalls

DOCUMENT = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")
RECORD_MODELS = (pair.Flaw, pair.Score, pair.MappingRecord, pair.Texts, pair.Calls, pair.Usage,
                 pair.StageRecord, pair.ModelRecord, provenance.StageProvenance)  # fmt: skip


def read_section(heading: str) -> str:
    """Return the text under a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", DOCUMENT, re.M | re.S)
    assert found, f"docs/format.md has no heading {heading!r}"
    return found[1]


def read_table(heading: str) -> dict[str, str]:
    """Return name to type of the first table under a heading."""
    found: dict[str, str] = {}
    for row in re.findall(r"^\| (`.*?`) \| ([^|]+?) \|", read_section(heading), re.M):
        for name in re.findall(r"`([^`]+)`", row[0]):
            assert name not in found, f"{heading}: {name} is listed twice"
            found[name] = row[1]
    return found


def name_type(annotation: Any) -> str:
    """Return the documentation's name of a field's type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation == Box:
        return "box"
    if annotation == tuple[int, int]:
        return "size"
    if origin in (list, tuple):
        return f"list[{arguments[0].__name__}]"
    if origin is dict or annotation is dict:
        return "object"
    return "str" if origin is Literal else annotation.__name__


def describe(model: Any) -> dict[str, str]:
    return {name: name_type(field.annotation) for name, field in model.model_fields.items()}


def describe_columns(columns: Any) -> dict[str, str]:
    return {name: kind.__name__ for name, kind in columns.items()}


def test_the_record_is_documented() -> None:
    assert read_table("The record") == describe(pair.PublishedPair)


@pytest.mark.parametrize("model", RECORD_MODELS, ids=lambda model: model.__name__)
def test_the_parts_of_records_are_documented(model: Any) -> None:
    assert read_table(model.__name__) == describe(model)


def test_every_model_inside_a_record_has_a_section() -> None:
    """A new nested model fails here until it is listed above and documented."""
    seen, todo = set(), [pair.PublishedPair, provenance.ProvenanceFile]
    while todo:
        for field in todo.pop().model_fields.values():
            inner = next(iter(get_args(field.annotation)), field.annotation)
            if hasattr(inner, "model_fields") and inner not in seen:
                seen.add(inner)
                todo.append(inner)
    assert seen == set(RECORD_MODELS)


def test_the_provenance_file_is_documented() -> None:
    assert read_table("Provenance") == describe(provenance.ProvenanceFile)
    for made in (UsedModel, PromptText):
        assert set(get_type_hints(made).values()) == {str}
    recorded = pair.ModelRecord.model_fields.keys() - {"stage"}
    assert {field.name for field in fields(UsedModel)} == recorded
    assert all(f"`{field.name}`" in read_section("StageProvenance") for field in fields(PromptText))


def test_the_questions_in_a_record_are_documented() -> None:
    shared = pair.Usage.model_fields.keys()
    assert ModelCalls.model_fields.keys() - shared == {"prompt", "model"}
    assert {"`prompt`", "`model`"} <= set(re.findall(r"`\w+`", read_section("Calls")))


def test_the_manifest_is_documented() -> None:
    columns = describe_columns(manifest_columns())
    scores = {f"score.{name}" for name in registry.scores()}
    documented = read_table("The manifest")
    assert documented.pop("score.<name>") == "float"
    assert documented == {name: kind for name, kind in columns.items() if name not in scores}


def test_the_other_tables_are_documented() -> None:
    assert read_table("photos.parquet") == describe_columns(PHOTO_COLUMNS)
    assert read_table("rejects.parquet") == describe_columns(REJECT_COLUMNS)


@pytest.mark.parametrize("name", [name for name in STAGES if name != "package"])
def test_the_manifest_of_a_stage_is_documented(name: str) -> None:
    assert read_table(name) == describe_columns(build_stage(name, parse_params({})).columns())


def test_files_members_and_record_sets_are_documented() -> None:
    files = set(re.findall(r"`([^`]+)`", "".join(re.findall(r"^\| (`.*?) \|", DOCUMENT, re.M))))
    assert {CARD, *croissant.FILES, croissant.CROISSANT, *list_members()} <= files
    content = croissant.make_croissant([], [], Terms(), "")
    record_sets = {entry["@id"] for entry in content["recordSet"]}
    found = re.findall(r"^\| `(\w+)` \|", read_section("Croissant"), re.M)
    assert set(found) == record_sets


def test_the_version_is_documented() -> None:
    assert f"schema: {SCHEMA_VERSION} (" in read_section("The record")
    versions = re.findall(r"^\| (\d+) \|", read_section("Versions of the schema"), re.M)
    assert [int(version) for version in versions] == list(range(1, SCHEMA_VERSION + 1))
