"""What tests of several stages share: a tiny flow model, photos, variants, samples."""

from pathlib import Path

import pytest


def save_tiny_flow(folder: Path, latent_channels: int = 16, guidance: bool = False) -> Path:
    """A diffusers folder of FLUX's geometry with random weights, small enough for unit tests."""
    import torch

    from stages.models import flow

    torch.manual_seed(0)
    transformer = flow.FluxTransformer2DModel(
        in_channels=4 * latent_channels,
        num_layers=1,
        num_single_layers=3,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=8,
        pooled_projection_dim=8,
        guidance_embeds=guidance,
        axes_dims_rope=(4, 6, 6),
    )
    with torch.no_grad():
        for parameter in transformer.parameters():
            parameter.normal_(std=0.15)
    vae = flow.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=latent_channels,
        norm_num_groups=4,
        scaling_factor=0.5,
        shift_factor=0.1,
        mid_block_add_attention=False,
    )
    scheduler = flow.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)
    transformer.save_pretrained(folder / "transformer")
    vae.save_pretrained(folder / "vae")
    scheduler.save_pretrained(folder / "scheduler")
    return folder


@pytest.fixture(scope="session")
def flow_folder(tmp_path_factory):
    return save_tiny_flow(tmp_path_factory.mktemp("flow"))


@pytest.fixture(scope="session")
def make_flow_folder():
    return save_tiny_flow


@pytest.fixture(scope="session")
def flow(flow_folder):
    import torch

    from stages.models.flow import Flow

    torch.set_num_threads(1)
    return Flow.load(flow_folder)


KEY = "00112233445566aa"


@pytest.fixture(scope="session")
def sample_photo():
    """Reads a sample photo, named below samples/photos, as (H, W, 3) uint8."""
    import numpy as np
    from PIL import Image

    def read(name):
        with Image.open(Path(__file__).parents[2] / "samples" / "photos" / name) as image:
            return np.asarray(image.convert("RGB"))

    return read


@pytest.fixture
def variant():
    """Makes an add of a left hand that maps `targets` to `references`; `changes` are fields."""
    from stages.engine.record import Variant

    def make(targets=(1,), references=(2,), **changes):
        fields = {
            "id": "v0", "window": "w0", "tool": "add", "kernel": "ring", "entity": "e0",
            "entity_name": "person", "part": "e0.p0", "part_name": "left hand",
            "part_kind": "hand", "positional": False, "seed": 1, "facts": {"direction": "below"},
        }  # fmt: skip
        return Variant(**fields | changes, targets=targets, references=references)

    return make


@pytest.fixture
def flow_sample(variant):
    """A photo of 112 x 96 px with one window of 4 x 5 tokens and three variants."""
    import numpy as np

    from stages.engine.images import write_png
    from stages.engine.record import Mapping, Scene, Window
    from stages.engine.stage import Sample

    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    photo = np.kron(coarse, np.ones((16, 16, 1), dtype=np.uint8))

    window = Window(id="w0", box=(16, 16, 96, 80), size=(80, 64), parts=["e0.p0"])
    spare = Window(id="w1", box=(0, 0, 32, 32), size=(32, 32), parts=[])
    variants = [
        variant([6, 7], [13, 14]),
        variant([0], [19], id="v1", tool="distort"),
        variant([17, 18], [2, 3], id="v2", tool="fuse"),
    ]
    scene = Scene(key=KEY, entities=[], windows=[window, spare], detector="test")
    return Sample(
        key=KEY,
        documents={
            "map": Mapping(key=KEY, variants=variants).model_dump(mode="json"),
            "perceive": scene.model_dump(mode="json"),
        },
        members={"ingest/photo.png": write_png(photo)},
    )
