import re
from pathlib import Path

import pytest
from PIL import Image
from tuning import make_base

from applications.inspectors.vlm.families import FAMILIES, Family, find_family
from applications.inspectors.vlm.loading import load_processor
from applications.training.vlm.trainer import prepare_model
from flows.exports.chat.targets import TARGETS, find_size
from stages.engine.workspace import FactoryError


@pytest.fixture(scope="module", params=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> Family:
    return FAMILIES[request.param]


@pytest.fixture(scope="module")
def base(family: Family, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base") / "model", family.name)


def load(family: Family, base: Path):
    import torch

    from applications.inspectors.vlm.loading import load_model

    return load_model(base, family, torch.float32)


def test_there_is_a_family_for_every_target() -> None:
    assert set(FAMILIES) == set(TARGETS)


def test_a_model_is_known_by_its_configuration(family: Family, base: Path) -> None:
    assert find_family(base) is family


def test_full_tuning_trains_projector_and_language_model_only(family: Family, base: Path) -> None:
    model = load(family, base)
    prepare_model(model, family, "full")
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert {n for n in trained if n.startswith("model.language_model.")}
    assert all(
        n.startswith(("model.language_model.", "lm_head.", *family.projector)) for n in trained
    )
    assert any("patch_embed" in n for n in frozen)
    assert all(n.startswith(("model.visual.", "model.vision_tower.")) for n in frozen)
    for part in family.projector:
        assert any(n.startswith(part) for n in trained)


def test_the_adapter_is_on_language_model_and_projector(family: Family, base: Path) -> None:
    import torch

    model = load(family, base)
    linear = {n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    chosen = {n for n in linear if re.fullmatch(family.lora_modules, n)}
    expected = {n for n in linear if n.startswith(("model.language_model.", *family.projector))}
    assert chosen == expected
    assert any(n.startswith("model.language_model.") for n in chosen)
    assert any(n.startswith(family.projector) for n in chosen)


@pytest.mark.parametrize("size", [(640, 480), (90, 64), (1500, 300)])
def test_the_processor_keeps_pictures_of_the_exports_size(
    size: tuple[int, int], family: Family, base: Path
) -> None:
    limit = max(family.target.lowest_limit, 200_000)
    pictures = load_processor(base, family, limit).image_processor
    seen = find_size(*size, family.target, limit)
    found = pictures(images=[Image.new("RGB", seen)], return_tensors="pt")
    if family.target.tile:
        assert found["pixel_values"].shape == (1, 3, 448, 448)  # one tile
    else:
        _, rows, columns = found["image_grid_thw"][0].tolist()
        assert (columns * pictures.patch_size, rows * pictures.patch_size) == seen


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_folder_without_a_model_is_an_error(text: str, tmp_path: Path) -> None:
    if text:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(FactoryError, match="holds no model"):
        find_family(tmp_path)


def test_another_model_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(FactoryError, match=r"type 'llama'; supported are qwen2\.5-vl"):
        find_family(tmp_path)
