from dataclasses import replace

import pytest
from toy.double.stage import DoubleStage
from toy.factory import key_of, line
from toy.pack.stage import PackStage
from toy.source.stage import SourceStage

from stages.engine.execution import units
from stages.engine.execution.units import load_sample
from stages.engine.runner import gather
from stages.engine.storage.shard import Member
from stages.engine.storage.tables import PHOTO_COLUMNS, PHOTOS, photo_row, read_photos, write_table
from stages.engine.workspace import FactoryError


def store_keys(factory, stage):
    return {unit.key: unit.store_key for unit in factory.units(stage)}


def edit_places(factory, stage, key, **changes):
    """Give members of an upstream photo another digest."""
    folder = factory.workspace.stage(stage)
    entries = []
    for entry in read_photos(folder):
        places = entry.places
        if entry.key == key:
            places = places | {
                name: replace(places.get(name, Member(0, 0, "")), sha256=digest)
                for name, digest in changes.items()
            }
        entries.append(replace(entry, places=places))
    rows = [photo_row(entry, 1) for entry in entries]
    write_table(folder / PHOTOS, rows, PHOTO_COLUMNS)


def test_source_keys_depend_on_their_line_only(factory):
    factory.sources(line("a"), line("b"))
    before = store_keys(factory, SourceStage)
    factory.sources(line("new"), line("b"), line("a", act="raise"))
    after = store_keys(factory, SourceStage)
    assert after[key_of("b")] == before[key_of("b")]
    assert after[key_of("a")] != before[key_of("a")]


@pytest.mark.parametrize("stage", [SourceStage, DoubleStage])
def test_code_that_is_edited_between_two_passes_changes_no_key(factory, monkeypatch, stage):
    """The keys would be those of the new code, the results those of the code in memory."""
    factory.sources(line("a"), line("b"))
    factory.fill(SourceStage)
    work = gather(factory.build(stage), factory.workspace)
    monkeypatch.setattr(units, "stage_digest", lambda stage: "of the edited code")
    assert [u.store_key for u in work.units] == [ref.store_key for ref in work.refs]


def test_source_samples_hold_their_line(factory):
    factory.sources(line("a"))
    sample = load_sample(factory.units(SourceStage)[0])
    assert sample.documents == {"source": line("a"), "place": {}}


def test_samples_hold_documents_and_declared_members(factory):
    factory.sources(line("a"))
    factory.fill(SourceStage, DoubleStage)
    sample = load_sample(factory.units(PackStage)[0])
    assert sample.key == key_of("a")
    assert set(sample.documents) == {"double", "source"}
    assert set(sample.members) == {"double/v0.copy.bin", "double/v1.copy.bin"}
    assert sample.documents["source"]["text"] == "a"
    assert sample.members["double/v1.copy.bin"].endswith(b"a\x01")


@pytest.mark.parametrize("member", ["json", "photo.png", "photo.extra"])
def test_keys_depend_on_declared_members(factory, member):
    factory.sources(line("a"), line("b"))
    factory.fill(SourceStage)
    before = store_keys(factory, DoubleStage)
    edit_places(factory, "source", key_of("a"), **{member: "other"})
    after = store_keys(factory, DoubleStage)
    assert after[key_of("a")] != before[key_of("a")]
    assert after[key_of("b")] == before[key_of("b")]


def test_keys_do_not_depend_on_other_members(factory):
    factory.sources(line("a"))
    factory.fill(SourceStage)
    before = store_keys(factory, DoubleStage)
    edit_places(factory, "source", key_of("a"), **{"depth.png": "other"})
    assert store_keys(factory, DoubleStage) == before


def test_keys_do_not_depend_on_the_shard_of_an_input(factory):
    factory.sources(line("a"), line("b"))
    factory.fill(SourceStage)
    before = store_keys(factory, DoubleStage)
    factory.save(base={"photos_per_shard": 1})
    factory.fill(SourceStage)
    assert "shard-00001.tar" in factory.files("source")
    assert store_keys(factory, DoubleStage) == before


def test_a_photo_missing_in_an_upstream_is_named(factory):
    factory.sources(line("a"))
    factory.fill(SourceStage, DoubleStage)
    write_table(factory.workspace.stage("source") / PHOTOS, [], PHOTO_COLUMNS)
    with pytest.raises(FactoryError, match=f"source has no photo {key_of('a')}"):
        factory.units(PackStage)


def test_an_upstream_that_did_not_run_is_named(factory):
    with pytest.raises(FactoryError, match="source has no output"):
        factory.units(DoubleStage)


def test_a_damaged_input_is_found(factory):
    factory.sources(line("a"))
    factory.fill(SourceStage)
    shard = factory.workspace.stage("source") / "shard-00000.tar"
    shard.write_bytes(shard.read_bytes().replace(b"PNG", b"GNP"))
    with pytest.raises(ValueError, match=r"shard-00000\.tar: damaged"):
        load_sample(factory.units(DoubleStage)[0])
