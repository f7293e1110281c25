import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from applications.evaluation.example import Example
from applications.evaluation.readers import shards
from applications.evaluation.readers.form import Request
from applications.pictures import decode
from flows.exports.options import Options
from flows.exports.samples import read_samples
from stages.engine.storage.tables import read_columns
from stages.engine.workspace import FactoryError


def read(path: Path, split: str = "") -> dict[str, Example]:
    found = shards.read(Request(path, split))
    assert not found.problems
    return {example.key: example for example in found.examples}


def test_a_pair_gives_its_pictures_with_their_roles(published):
    examples = read(published)
    for sample in read_samples(published, Options()):
        pair, photo = sample.record.pair, sample.record.photo
        for key, role, label, pixels in (
            (f"{photo}-real", "real", "clean", sample.real),
            (f"{pair}-control", "control", "clean", sample.control),
            (f"{pair}-artifact", "artifact", "flawed", sample.artifact),
        ):
            example = examples[key]
            assert (example.role, example.label, example.photo) == (role, label, photo)
            assert np.array_equal(decode(example.read()), pixels)


def test_a_photo_comes_once(published):
    roles = [example.role for example in read(published).values()]
    rows = read_columns(published / "manifest.parquet", ["pair", "key"])
    assert roles.count("real") == len(set(rows["key"]))
    assert roles.count("control") == roles.count("artifact") == len(set(rows["pair"]))


def test_the_flawed_picture_has_boxes_texts_and_pixels(published):
    examples = read(published)
    for sample in read_samples(published, Options()):
        example = examples[f"{sample.record.pair}-artifact"]
        assert [truth.box for truth in example.regions] == [
            flaw.mask_box for flaw in sample.record.flaws
        ]
        assert [truth.kind for truth in example.regions] == [f.tool for f in sample.record.flaws]
        assert example.text == sample.record.explanation.overall
        assert np.array_equal(example.mask((80, 64)), sample.labels > 0)
        with pytest.raises(ValueError, match="expected"):
            example.mask((8, 8))


def test_every_split_is_read_alone(published):
    found = [read(published, split) for split in shards.splits(published)]
    assert {example.split for split in found for example in split.values()} == set(
        shards.splits(published)
    )
    assert sum(map(len, found)) == len(read(published))


def test_an_unknown_split_is_an_error(published):
    with pytest.raises(FactoryError, match="no split none"):
        shards.read(Request(published, "none"))


def rewrite(source: Path, target: Path, keep) -> Path:
    """Copy a data set with only those members of its first shard that `keep` accepts."""
    shutil.copytree(source, target)
    path = sorted(target.glob("*.tar"))[0]
    with tarfile.open(sorted(source.glob("*.tar"))[0]) as old, tarfile.open(path, "w") as new:
        for info in old:
            if changed := keep(info):
                new.addfile(changed, old.extractfile(info) if changed.isreg() else None)
    return target


def test_a_missing_member_is_named(published, tmp_path):
    first = []

    def keep(info):
        if info.name.endswith("control.png") and not first:
            first.append(info.name)
            return None
        return info

    found = shards.read(Request(rewrite(published, tmp_path / "set", keep)))
    [problem] = found.problems
    assert problem.kind == "missing picture"
    assert first[0] in problem.where
    pair = first[0].partition(".")[0]
    assert not [example for example in found.examples if pair in example.key]


def test_a_pair_that_no_shard_has_is_named(published, tmp_path):
    with tarfile.open(sorted(published.glob("*.tar"))[0]) as tar:
        gone = tar.getnames()[0].partition(".")[0]
    path = rewrite(
        published, tmp_path / "set", lambda info: None if info.name.startswith(gone) else info
    )
    found = shards.read(Request(path)).problems
    assert [(problem.kind, problem.where) for problem in found] == [("missing picture", gone)]


def test_a_link_in_a_shard_is_refused(published, tmp_path):
    def keep(info):
        if info.name.endswith("real.png"):
            info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0
        return info

    with pytest.raises(FactoryError, match="is not a regular file"):
        shards.read(Request(rewrite(published, tmp_path / "set", keep)))


def test_a_truncated_shard_is_an_error(published, tmp_path):
    path = tmp_path / "set"
    shutil.copytree(published, path)
    shard = sorted(path.glob("*.tar"))[0]
    shard.write_bytes(shard.read_bytes()[:2000])
    with pytest.raises(FactoryError, match="damaged"):
        shards.read(Request(path))
