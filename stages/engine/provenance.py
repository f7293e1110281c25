"""What a result came from: digests of code, params, models and the numeric libraries."""

from __future__ import annotations

import importlib.util
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from stages.engine.execution import devices
from stages.engine.files import canonical_json, sha256
from stages.engine.format import FORMAT_VERSION
from stages.engine.stage import Stage

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
_CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")
_SOURCES = (".py", ".txt", ".md", ".j2", ".yaml", ".toml")


def _module_path(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"declared code {module!r} is not there")
    return Path(spec.origin)


def _sources(folder: Path, name: str) -> dict[str, Path]:
    """A folder's source files; their names do not tell where the checkout lies."""
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": path
        for path in folder.rglob("*")
        if path.suffix in _SOURCES and "__pycache__" not in path.parts
    }


def code_files(stage: type[Stage]) -> dict[str, Path]:
    """The sources that shape a stage's results, name to path: its own folder (without gate and
    entry point) and the modules it declares; a declared package counts with all of its files."""
    own = _sources(_module_path(stage.__module__).parent, stage.__module__.rpartition(".")[0])
    files = {name: path for name, path in own.items() if path.name != "__main__.py"}
    for module in stage.code:
        path = _module_path(module)
        files |= _sources(path.parent, module) if path.name == "__init__.py" else {module: path}
    return files


def code_digest(stage: type[Stage]) -> str:
    """sha256 over the names and bytes of `code_files`."""
    content = {name: sha256(path.read_bytes()) for name, path in code_files(stage).items()}
    return sha256(canonical_json(content))


@cache
def cpu_class() -> str:
    """The instruction sets that change the last bits of a matrix product."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        flags = []
    return "+".join([platform.machine(), *(f for f in _CPU_FLAGS if f in set(flags))])


@cache
def numerics() -> dict[str, str]:
    """Versions of the numeric libraries and the class of CPU."""
    found = {"cpu": cpu_class(), "python": platform.python_version()}
    for library in NUMERIC_LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "absent"
    return found


def _gpu_numerics(stage: Stage) -> dict[str, str]:
    """Class of GPU and CUDA, for a stage that computes there; a GPU beside a stage that computes
    on the CPU changes nothing."""
    return devices.fingerprint() if devices.on_gpu(stage.devices()) else {}


def result_params(stage: Stage) -> dict[str, Any]:
    """The params that change results: the stage's own, seed and profile."""
    base = {"seed": stage.base.seed, "profile": stage.base.profile}
    return {"stage": stage.result_params(), "base": base}


def stage_digest(stage: Stage) -> str:
    """Everything a stage's results depend on, except the photo's own inputs."""
    return sha256(
        canonical_json(
            {
                "stage": stage.name,
                "format": FORMAT_VERSION,
                "code": code_digest(type(stage)),
                "params": result_params(stage),
                "models": stage.revisions(),
                "numerics": numerics() | _gpu_numerics(stage),
            }
        )
    )


def unit_key(stage_digest: str, inputs: Any) -> str:
    """The store's key of one photo at one stage; `inputs` are digests of what it reads."""
    return sha256(canonical_json({"stage": stage_digest, "inputs": inputs}))
