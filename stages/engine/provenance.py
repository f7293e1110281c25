"""Compute store keys: digests of code, params, models and numeric libraries."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from stages.engine.closure import import_closure
from stages.engine.execution import devices
from stages.engine.files import canonical_json, sha256
from stages.engine.format import FORMAT_VERSION
from stages.engine.stage import Stage
from stages.left_out import LEFT_OUT

NUMERIC_LIBRARIES = (
    "numpy",
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "safetensors",
    "pillow",
    "pi-heif",
    "simplejpeg",
    "scipy",
    "scikit-image",
    "opencv-python-headless",
    "ai-edge-litert",
    "imagehash",
    "lpips",
)
_STAGES = Path(__file__).parents[1]
_CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")


def code_files(stage: Stage) -> dict[str, Path]:
    """Return the sources that can change a stage's results, by their path in the checkout: the
    import closure of its module and its plugins."""
    return import_closure((type(stage).__module__, *stage.plugins()), LEFT_OUT)


def code_digest(stage: Stage) -> str:
    """Return the sha256 over the names and bytes of `code_files`, and the order of the plugins."""
    content = {name: sha256(path.read_bytes()) for name, path in code_files(stage).items()}
    return sha256(canonical_json({"files": content, "plugins": stage.plugins()}))


@cache
def cpu_class() -> str:
    """Return the machine and those of its instruction sets that change the last bits of a matrix
    product."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        flags = []
    return "+".join([platform.machine(), *(f for f in _CPU_FLAGS if f in set(flags))])


@cache
def numerics() -> dict[str, str]:
    """Return the versions of the numeric libraries and the class of CPU."""
    found = {"cpu": cpu_class(), "python": platform.python_version()}
    for library in NUMERIC_LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "absent"
    return found


def _gpu_numerics(stage: Stage) -> dict[str, str]:
    """Return the class of GPU and CUDA for a stage that computes on a GPU, else nothing: an unused
    GPU does not change results."""
    return devices.fingerprint() if devices.on_gpu(stage.devices()) else {}


def result_params(stage: Stage) -> dict[str, Any]:
    """Return the params that change results: the stage's own, the seed and the profile."""
    base = {"seed": stage.base.seed, "profile": stage.base.profile}
    return {"stage": stage.result_params(), "base": base}


def stage_digest(stage: Stage) -> str:
    """Return the digest of everything that a stage's results depend on, except the photo's
    inputs."""
    return sha256(
        canonical_json(
            {
                "stage": stage.name,
                "format": FORMAT_VERSION,
                "code": code_digest(stage),
                "params": result_params(stage),
                "models": stage.revisions(),
                "numerics": numerics() | _gpu_numerics(stage),
            }
        )
    )


def machine_facts(stage: Stage) -> dict[str, str]:
    """Return what must be equal on all machines that compute for one store: the sources of the
    stage and of the engine, revisions of models, versions of libraries, classes of CPU and GPU."""
    engine = {
        path.relative_to(_STAGES.parent).as_posix(): path
        for path in sorted(_STAGES.glob("engine/**/*.py"))
    }
    files = {name: sha256(path.read_bytes()) for name, path in (engine | code_files(stage)).items()}
    models = {f"model {name}": revision for name, revision in stage.revisions().items()}
    return files | models | numerics() | _gpu_numerics(stage)


def unit_key(stage_digest: str, inputs: Any) -> str:
    """Return the store's key of one photo at one stage; `inputs` are digests of what it reads."""
    return sha256(canonical_json({"stage": stage_digest, "inputs": inputs}))
