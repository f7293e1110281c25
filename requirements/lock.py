"""Write the lock files anew: `make lock` (see CONTRIBUTING.md).

Versions that stand in the files stay unless `pyproject.toml` forbids them or an argument is given
for uv, such as `--upgrade-package pillow`. Every file of a version is listed with its sha256.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
CUDA = ("cuda-bindings", "cuda-pathfinder", "cuda-toolkit", "nvidia-cudnn-cu13",
        "nvidia-cusparselt-cu13", "nvidia-nccl-cu13", "nvidia-nvshmem-cu13", "triton")  # fmt: skip
"""What the registry's build of torch needs on Linux and its CPU build does not."""
Pins = dict[str, list[str]]
"""`name==version` to the lines of its hashes."""

HEADS = {
    "cpu.txt": "# Packages of an install with torch's CPU build (Python 3.11), by `make lock`.\n",
    "gpu.txt": "# Packages of an install with torch's CUDA build (Python 3.11), by `make lock`.\n"
    "# Resolved; not installed on a GPU machine yet.\n",
    "dev.txt": "# Tools for tests and linters beside cpu.txt or gpu.txt, by `make lock`.\n",
    "tools.txt": "# Tools that `make lock` and `make sbom` run in an environment of their own.\n",
}


def parse(text: str) -> Pins:
    """Parse the pins of a requirements file and the lines of their hashes."""
    pins: Pins = {}
    hashes: list[str] = []
    for line in text.splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            hashes = pins.setdefault(line.removesuffix("\\").strip(), [])
        elif line.lstrip().startswith("--hash="):
            hashes.append(line.removesuffix("\\").strip())
    return pins


def render(pins: Pins) -> str:
    """Write pins as a requirements file.

    A package with extras is pinned without them too: pip resolves the two separately, and refuses
    to choose a version of either when hashes are required.
    """
    pins = {re.sub(r"\[.*\]", "", pin): hashes for pin, hashes in pins.items()} | pins
    blocks = [" \\\n    ".join([pin, *sorted(set(hashes))]) for pin, hashes in sorted(pins.items())]
    return "\n".join(blocks) + "\n"


def compile_pins(
    arguments: list[str], known: Sequence[str] = (), wanted: str = "", excluded: Sequence[str] = ()
) -> Pins:
    """Resolve with uv, with hashes from the registry.

    Args:
        arguments: arguments of `uv pip compile`.
        known: pins that are kept where they fit. Without hashes: uv would keep those too.
        wanted: requirements; empty: those of `pyproject.toml`.
        excluded: packages to leave out.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, source, left_out = (Path(folder, name) for name in ("out.txt", "in.txt", "no.txt"))
        out.write_text("\n".join(known))
        source.write_text(wanted)
        left_out.write_text("\n".join(excluded))
        command = [Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet",
                   "--generate-hashes", "--no-header", "--no-annotate", "--no-strip-extras",
                   "--python-version=3.11", "--python-platform=x86_64-manylinux_2_28",
                   f"--excludes={left_out}",
                   f"--output-file={out}", *arguments,
                   source if wanted else HERE.parent / "pyproject.toml"]  # fmt: skip
        subprocess.run(command, check=True)  # noqa: S603
        return parse(out.read_text())


def main(arguments: list[str]) -> None:
    """Write all lock files."""
    present = {name: parse((HERE / name).read_text()) for name in HEADS if (HERE / name).exists()}
    known = [pin for name in ("cpu.txt", "gpu.txt", "dev.txt") for pin in present.get(name, ())]
    gpu = compile_pins(arguments, known)
    cpu = compile_pins(arguments, known, excluded=CUDA)
    dev = compile_pins([*arguments, "--extra=dev"], known, excluded=CUDA)
    for pin in [pin for pin in cpu if pin.startswith("torch==")]:
        # The file's own hashes stay: builds for other machines, which are not offered here.
        cpu[pin] = cpu_builds(pin) + present.get("cpu.txt", {}).get(pin, [])
        if not cpu[pin]:
            sys.exit(f"{pin}: no CPU build found; name a folder with its wheel in PIP_FIND_LINKS")
    known = list(present.get("tools.txt", ()))
    tools = compile_pins(arguments, known, (HERE / "tools.in").read_text())
    added = {pin: dev[pin] for pin in dev.keys() - cpu.keys()}
    for name, pins in {
        "cpu.txt": cpu,
        "gpu.txt": gpu,
        "dev.txt": added,
        "tools.txt": tools,
    }.items():
        (HERE / name).write_text(HEADS[name] + render(pins))


def cpu_builds(pin: str) -> list[str]:
    """Return the hashes of torch's CPU builds: Linux's, and the registry's for macOS.

    The registry's builds for Linux are left out, because pip prefers a build whose hash it knows
    beforehand to one in a folder. Linux's CPU builds are in the folder `PIP_FIND_LINKS`, else in
    PyTorch's own index. Empty if they are in neither.
    """
    version = pin.partition("==")[2]
    if folder := os.environ.get("PIP_FIND_LINKS"):
        wheels = Path(folder).glob(f"torch-{version}+cpu-*.whl")
        found = [f"--hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}" for wheel in wheels]
    else:
        try:
            builds = compile_pins(["--no-deps", "--torch-backend=cpu"], wanted=f"{pin}+cpu")
        except subprocess.CalledProcessError:
            return []
        found = [line for hashes in builds.values() for line in hashes]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed",
               "--no-deps", "--only-binary=:all:", "--platform=macosx_14_0_arm64", "--report=-",
               "--target=unused", pin]  # fmt: skip
    report = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    archive = json.loads(report.stdout)["install"][0]["download_info"]["archive_info"]
    return [*found, f"--hash=sha256:{archive['hashes']['sha256']}"] if found else []


if __name__ == "__main__":
    main(sys.argv[1:])
