from pathlib import Path

import numpy as np
import pytest
from datasets import load_dataset
from exporting import export
from huggingface_hub import DatasetCard

from flows.exports.options import Options
from flows.exports.samples import read_samples
from stages.tools import TOOLS


@pytest.fixture(scope="module")
def exported(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export("huggingface", published, tmp_path_factory.mktemp("hub") / "set")


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_loads_every_split_with_the_same_features(
    exported: Path, published: Path, streaming: bool, tmp_path: Path
) -> None:
    samples = {s.record.pair: s for s in read_samples(published, Options())}
    found = load_dataset(str(exported), streaming=streaming, cache_dir=str(tmp_path))
    assert len({str(found[split].features) for split in found}) == 1
    rows = [row for split in found for row in found[split]]
    assert {row["pair"] for row in rows} == samples.keys()
    for row in rows:
        sample = samples[row["pair"]]
        assert np.array_equal(row["artifact"], sample.artifact)
        assert np.array_equal(row["control"], sample.control)
        for flaw, truth in zip(row["flaws"], sample.record.flaws, strict=True):
            assert TOOLS[flaw["tool"]] == truth.tool
            assert flaw["box"] == list(truth.mask_box)
            assert np.array_equal(np.asarray(flaw["mask"]) > 0, sample.labels == truth.index)


def test_a_split_of_one_pair_has_the_features_of_the_others(
    published: Path, exported: Path, tmp_path: Path
) -> None:
    first = next(read_samples(published, Options()))
    small = export(
        "huggingface", published, tmp_path / "small", tools=(first.record.flaws[0].tool,)
    )
    cache = str(tmp_path / "cache")
    one = load_dataset(str(small), cache_dir=cache)
    every = load_dataset(str(exported), cache_dir=cache)
    assert {str(d.features) for d in (*one.values(), *every.values())} == {
        str(every["train"].features)
    }


def test_the_card_is_valid(exported: Path) -> None:
    card = DatasetCard.load(exported / "README.md")
    assert card.data.license == "cc0-1.0"
    assert {f["split"] for f in card.data.to_dict()["configs"][0]["data_files"]} == {
        path.stem for path in (exported / "data").glob("*.parquet")
    }
