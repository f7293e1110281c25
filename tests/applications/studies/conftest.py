"""A backbone without ImageNet's weights, and the recipe of the smallest training."""

import pytest

SMALLEST = "--steps 1 --batch 1 --crops 64 --short-side 64 --resamples 20 --validation-pairs 2"


@pytest.fixture(autouse=True)
def without_imagenet(random_backbone):
    """No study of the tests begins with ImageNet's weights."""


@pytest.fixture
def run_study(monkeypatch, published, tmp_path):
    """Run the command of a study on the published set; options are separated by spaces."""

    def run(module, options=""):
        out = tmp_path / "study.json"
        words = f"study --pairs {published} --out {out} {SMALLEST} {options}"
        monkeypatch.setattr("sys.argv", words.split())
        module.main()
        return out

    return run
