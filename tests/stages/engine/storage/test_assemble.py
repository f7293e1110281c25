import pytest
from toy.double.stage import DoubleStage
from toy.factory import ToyFactory, key_of, line
from toy.pack.stage import PackStage
from toy.source.stage import SourceStage
from toy.thin.stage import ThinStage

from stages.engine.stage import Reject
from stages.engine.storage.assemble import ResultsLost
from stages.engine.storage.tables import MANIFEST, REJECTS, read_photos, read_table
from stages.engine.workspace import FactoryError

TEXTS = ["a", "b?", "c", "d", "e", "f", "g"]


def shards(factory, stage):
    return {name: data for name, data in factory.files(stage).items() if name.endswith(".tar")}


def changed(before, after):
    return {name for name in before | after if before.get(name) != after.get(name)}


@pytest.fixture
def filled(factory):
    """Seven photos, three per shard."""
    factory.sources(*map(line, TEXTS))
    factory.fill(SourceStage, DoubleStage)
    return factory


def test_shards_are_ranges_of_the_source_list(filled):
    photos = read_photos(filled.workspace.stage("double"))
    assert [p.key for p in photos] == list(map(key_of, TEXTS))
    assert [p.shard[6:11] for p in photos] == ["00000"] * 3 + ["00001"] * 3 + ["00002"]


def test_new_photos_leave_earlier_shards_unchanged(filled):
    before = shards(filled, "double")
    filled.sources(*map(line, [*TEXTS, "h", "i", "j"]))
    filled.fill(SourceStage, DoubleStage)
    after = shards(filled, "double")
    assert changed(before, after) == {"shard-00002.tar", "shard-00003.tar"}


def test_adding_photos_later_gives_the_same_bytes(filled, tmp_path):
    lines = [*map(line, [*TEXTS, "h", "i", "j"])]
    filled.sources(*lines)
    filled.fill(SourceStage, DoubleStage)
    at_once = ToyFactory(tmp_path / "at_once")
    at_once.sources(*lines)
    at_once.fill(SourceStage, DoubleStage)
    assert filled.files("double") == at_once.files("double")


@pytest.mark.parametrize(("gone", "shard"), [("b?", "shard-00000.tar"), ("d", "shard-00001.tar")])
def test_a_withdrawal_rewrites_one_shard(filled, gone, shard):
    before = shards(filled, "double")
    filled.sources(*[line(t, **({"withdrawn": True} if t == gone else {})) for t in TEXTS])
    filled.fill(SourceStage, DoubleStage)
    assert changed(before, shards(filled, "double")) == {shard}
    assert key_of(gone) not in {p.key for p in read_photos(filled.workspace.stage("double"))}


def test_withdrawing_all_photos_of_a_shard_removes_its_file(filled):
    before = shards(filled, "double")
    filled.sources(*[line(t, withdrawn=t == "g") for t in TEXTS])
    filled.fill(SourceStage, DoubleStage)
    assert changed(before, shards(filled, "double")) == {"shard-00002.tar"}
    assert "shard-00002.tar" not in shards(filled, "double")


def test_a_folder_that_is_not_complete_has_no_table_of_photos(filled, monkeypatch):
    """`flawfactory gc` would otherwise remove the results of the photos that are not in it."""
    folder = filled.workspace.stage("double")
    rows, documents = DoubleStage.rows, []

    def interrupt(stage, document):
        documents.append(document)
        if len(documents) == 5:
            raise KeyboardInterrupt
        return rows(stage, document)

    monkeypatch.setattr(DoubleStage, "rows", interrupt)
    with pytest.raises(KeyboardInterrupt):
        filled.fill(DoubleStage)
    assert [path.name for path in folder.iterdir() if path.suffix != ".tar"] == []
    with pytest.raises(FactoryError, match="no output yet"):
        read_photos(folder)


def test_old_files_are_replaced_not_overwritten(filled, tmp_path):
    """A file may be a hard link into DVC's cache."""
    shard = filled.workspace.stage("double") / "shard-00000.tar"
    cache = tmp_path / "cache"
    cache.hardlink_to(shard)
    kept = cache.read_bytes()
    filled.sources(*[line(t, withdrawn=t == "a") for t in TEXTS])
    filled.fill(SourceStage, DoubleStage)
    assert cache.read_bytes() == kept != shard.read_bytes()


def test_manifests_are_the_same_bytes_every_time(filled):
    before = filled.files("double")
    assert {"manifest.parquet", "photos.parquet", "rejects.parquet"} < set(before)
    filled.fill(DoubleStage)
    assert filled.files("double") == before


def test_rows_and_rejects_are_listed(filled):
    rows = read_table(filled.workspace.stage("double") / MANIFEST)
    assert [(r["key"], r["variant"]) for r in rows[:4]] == [
        (key_of("a"), "v0"),
        (key_of("a"), "v1"),
        (key_of("b?"), "v0"),
        (key_of("c"), "v0"),
    ]
    (reject,) = read_table(filled.workspace.stage("double") / REJECTS)
    assert (reject["key"], reject["variant"], reject["code"]) == (key_of("b?"), "v1", "doubtful")
    counts = {
        p["key"]: p["rows"] for p in read_table(filled.workspace.stage("double") / "photos.parquet")
    }
    assert counts[key_of("b?")] == 1 and counts[key_of("a")] == 2


def test_rejects_are_sorted_by_key(factory):
    factory.sources(*[line(t, "reject") for t in TEXTS], line("x"))
    out = factory.fill(SourceStage)
    assert [r.key for r in out.rejects] == sorted(map(key_of, TEXTS))


def test_tables_without_accepted_photos_are_readable(factory):
    factory.sources(line("a", "reject"))
    out = factory.fill(SourceStage)
    assert (out.accepted, list(out.rows)) == ([], [])
    assert set(factory.files("source")) == {"manifest.parquet", "photos.parquet", "rejects.parquet"}
    assert read_photos(factory.workspace.stage("source")) == []
    assert read_table(factory.workspace.stage("source") / MANIFEST) == []


def test_a_stage_can_write_its_own_folder(filled):
    out = filled.fill(PackStage)
    assert len(out.rows) == 2 * 7 - 1
    assert out.accepted == list(map(key_of, TEXTS))
    assert list(shards(filled, "pack")) == ["all.tar"]


def test_a_missing_result_is_an_error(filled):
    filled.store.remove(filled.units(DoubleStage)[0].store_key)
    with pytest.raises(FactoryError, match="the store lost"):
        filled.assemble(DoubleStage, [])


def test_failed_units_are_rejects_and_need_no_result(filled):
    unit = filled.units(DoubleStage)[0]
    filled.store.remove(unit.store_key)
    failure = Reject(unit.key, None, "internal_error", "ZeroDivisionError: x")
    out = filled.assemble(DoubleStage, [failure])
    assert unit.key not in out.accepted
    assert failure in out.rejects


class TestDecisionsOverBlocks:
    """`ThinStage` keeps the first three variants of each block of three photos."""

    @pytest.fixture
    def thin(self, factory):
        factory.sources(*map(line, TEXTS))
        factory.fill(SourceStage, ThinStage)
        return factory

    @staticmethod
    def kept(factory):
        rows = read_table(factory.workspace.stage("thin") / MANIFEST)
        names = {key_of(text): text for text in TEXTS}
        return [(names.get(row["key"], "new"), row["variant"]) for row in rows]

    def test_each_block_is_decided_by_its_own_rows(self, thin):
        assert self.kept(thin) == [
            *[("a", "v0"), ("a", "v1"), ("b?", "v0")],
            *[("d", "v0"), ("d", "v1"), ("e", "v0")],
            *[("g", "v0"), ("g", "v1")],
        ]

    def test_what_is_left_out_is_a_reject(self, thin):
        rejects = read_table(thin.workspace.stage("thin") / REJECTS)
        found = {(r["key"], r["variant"], r["code"]) for r in rejects}
        assert found == {
            (key_of("b?"), "v1", "doubtful"),
            (key_of("c"), "", "surplus"),
            (key_of("e"), "v1", "surplus"),
            (key_of("f"), "", "surplus"),
        }
        photos = {p.key: p for p in read_photos(thin.workspace.stage("thin"))}
        assert set(photos) == {key_of(text) for text in ["a", "b?", "d", "e", "g"]}
        assert set(photos[key_of("e")].places) == {"json", "v0.copy.bin"}

    def test_new_photos_leave_earlier_blocks_unchanged(self, thin):
        before = shards(thin, "thin")
        thin.sources(*map(line, [*TEXTS, "h", "i", "j"]))
        thin.fill(SourceStage, ThinStage)
        assert changed(before, shards(thin, "thin")) == {"shard-00002.tar", "shard-00003.tar"}

    def test_a_withdrawal_changes_one_block(self, thin):
        before = shards(thin, "thin")
        thin.sources(*[line(t, withdrawn=t == "a") for t in TEXTS])
        thin.fill(SourceStage, ThinStage)
        assert changed(before, shards(thin, "thin")) == {"shard-00000.tar"}
        assert self.kept(thin)[:3] == [("b?", "v0"), ("c", "v0"), ("c", "v1")]

    def test_another_limit_computes_nothing(self, thin):
        blobs = {unit.store_key for unit in thin.units(ThinStage)}
        thin.save(thin={"per_block": 1})
        assert {unit.store_key for unit in thin.units(ThinStage)} == blobs
        thin.assemble(ThinStage, [])
        assert self.kept(thin) == [("a", "v0"), ("d", "v0"), ("g", "v0")]

    def test_a_lost_result_of_a_later_block_is_found(self, thin):
        """Nothing damaged may be left in the store, whichever block is read."""
        first, *_, last = thin.units(ThinStage)
        for unit in (first, last):
            thin.store.path(unit.store_key).write_bytes(b"damaged")
        with pytest.raises(ResultsLost):
            thin.assemble(ThinStage, [])
        assert not thin.store.has(first.store_key) and not thin.store.has(last.store_key)
