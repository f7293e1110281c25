from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.console import console
from stages.models.weights import catalogue

runner = CliRunner()


def call(*arguments: str) -> tuple[int, str]:
    result = runner.invoke(app, ["models", *arguments])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def fetched_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Names of the weights fetched in a checkout that has none at first."""
    fetched: list[str] = []
    monkeypatch.setattr(catalogue, "is_available", lambda item: item.name in fetched)
    monkeypatch.setattr(catalogue, "fetch", lambda item: fetched.append(item.name) or "fetched")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "_width", 250)  # no cell is broken, whatever COLUMNS was
    Path("dvc.yaml").write_text("stages: {}\n")
    Path("params.yaml").write_text("{}\n")
    return fetched


def test_the_list_shows_sources_licences_and_profiles(fetched_names: list[str]) -> None:
    code, output = call("list")
    assert code == 0
    assert "huggingface.co/black-forest-labs/FLUX.1-dev@3de623fc3c33" in output
    assert "dl.fbaipublicfiles.com/segment_anything/sam_vit_h_4b8939.pth" in output
    assert "LicenseRef-NC-FLUX.1-dev" in output
    assert "2565" in output and "compact flux" in output  # both profiles have the metric


def test_the_list_of_a_profile_has_only_its_weights(fetched_names: list[str]) -> None:
    code, output = call("list", "--profile", "compact")
    assert code == 0 and "mediapipe" in output and "FLUX" not in output


def test_fetch_takes_the_profile_of_params_yaml(fetched_names: list[str]) -> None:
    Path("params.yaml").write_text("base: {profile: compact}\n")
    code, output = call("fetch")
    assert code == 0 and "mediapipe: fetched" in output
    assert not any("/" in name for name in fetched_names)


def test_fetch_takes_the_models_of_params_yaml(fetched_names: list[str]) -> None:
    changes = "{perceiver: {segmenter: sam-vit-b}, flow: {name: weights/compact}}"
    Path("params.yaml").write_text(f"base: {{profile: flux, models: {changes}}}\n")
    assert call("fetch")[0] == 0
    assert "sam-vit-b" in fetched_names and "sam-vit-h" not in fetched_names
    assert not any("FLUX" in name for name in fetched_names)


def test_verify_fails_until_all_weights_are_fetched(fetched_names: list[str]) -> None:
    code, output = call("verify", "--profile", "flux")
    assert code == 1 and "sam-vit-h: missing or damaged" in output
    assert "run `flawfactory models fetch` --profile flux" in output
    assert call("fetch", "--profile", "flux")[0] == 0
    code, output = call("verify", "--profile", "flux")
    assert code == 0 and "IDEA-Research/grounding-dino-base: ok" in output


def test_an_unknown_profile_is_an_error_with_the_known_ones(fetched_names: list[str]) -> None:
    code, output = call("list", "--profile", "huge")
    assert code == 2 and "known: compact, flux" in output


def test_fetch_outside_a_checkout_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "_width", 250)  # no cell is broken, whatever COLUMNS was
    code, output = call("fetch")
    assert code == 2 and "no dvc.yaml" in output
