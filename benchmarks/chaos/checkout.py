"""A small checkout to build in: its own params and data, the code of this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from PIL import Image

from benchmarks.chaos.run import LOG
from flows.sources import HASHES
from stages import STAGES
from stages.engine.files import canonical_json, sha256, sha256_file

ROOT = Path(__file__).parents[2]
Models = Literal["null", "compact"]
WORKERS = 2
TOKEN = "CHAOS_TOKEN"  # noqa: S105
"""Environment variable that every process of a trial inherits."""
_NULL_PARAMS: dict[str, dict[str, Any]] = {
    "perceive": {"window": 128, "max_windows": 1, "min_part_tokens": 1.0},
    "map": {"variants": 2, "min_tokens": 2, "min_positional_tokens": 2, "max_share": 0.5,
            "min_inside": 0.1, "min_moved_share": 0.0, "kernels": {}, "min_colour_change": {},
            "quotas": {"tool": 1.0}},
    "invert": {"steps": 2, "min_noise_std": 0.0, "max_noise_std": 100.0},
    "inject": {"min_reconstruction_psnr": 0.0},
    "explain": {"gate": {"min_distinct": 0.0}},
    "filter": {"lpips": {"low": 0.0, "high": 2.0, "control": 0.0, "mask": 0.0}},
}  # fmt: skip
_OPEN_GATE = {"max_reject_rate": 1.0}
_CACHE = (Path("checkout", "data") / HASHES).as_posix()
"""A cache that a scan writes only for photos that it finds older than two seconds."""


@dataclass(frozen=True)
class Checkout:
    """A checkout below a folder of its own, with what its processes write elsewhere beside it."""

    folder: Path

    @property
    def root(self) -> Path:
        """The checkout."""
        return self.folder / "checkout"

    @property
    def log(self) -> Path:
        """The log of `benchmarks.chaos.run`."""
        return self.folder / "log.jsonl"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files of its processes."""
        return self.folder / "tmp"

    def environment(self, token: str) -> dict[str, str]:
        """Return the environment of a build: no Prefect server, temporary files in `temporary`."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        kept = {name: v for name, v in os.environ.items() if not name.startswith("PREFECT_")}
        python_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(":")
        return kept | {
            "PYTHONPATH": python_path,
            "MODULE": "benchmarks.chaos.run",
            LOG: str(self.log),
            TOKEN: token,
            "TMPDIR": str(self.temporary),
            "DVC_SITE_CACHE_DIR": str(self.folder / "site"),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DVC_NO_ANALYTICS": "1",
            "DO_NOT_TRACK": "1",
            "COLUMNS": "200",
        }

    def start(self, token: str, *words: str) -> subprocess.Popen[bytes]:
        """Start ``flawfactory WORDS``; its output is appended to ``output.txt``."""
        command = [sys.executable, "-m", "benchmarks.chaos.run", *words]
        with (self.folder / "output.txt").open("ab") as output:
            return subprocess.Popen(  # noqa: S603
                command, cwd=self.root, env=self.environment(token), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def files(self) -> set[str]:
        """Return the paths of all files, relative to `folder`; git's objects, Prefect's and the
        scan's cache are left out."""
        found = set[str]()
        for top in (self.root, self.temporary):
            for folder, folders, names in os.walk(top):
                folders[:] = [n for n in folders if n not in (".git", ".prefect")]
                relative = Path(folder).relative_to(self.folder)
                found |= {(relative / name).as_posix() for name in names}
        return found - {_CACHE}

    def digests(self) -> dict[str, str]:
        """Return the digests of the pipeline's outputs and of the source list, and that of the
        content of dvc.lock: its stages are in the order in which they ran last."""
        data = self.root / "data"
        folders = [data / "sources", *(data / stage for stage in STAGES)]
        paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        paths.append(data / "sources.dvc")
        lock = self.root / "dvc.lock"
        content = yaml.safe_load(lock.read_text()) if lock.exists() else None
        return {"dvc.lock": sha256(canonical_json(content))} | {
            str(path.relative_to(self.root)): sha256_file(path) if path.exists() else "absent"
            for path in sorted(paths)
        }

    def output(self) -> str:
        """Return what its commands have printed."""
        return (self.folder / "output.txt").read_text(errors="replace")


def make_checkout(folder: Path, models: Models, photos: Sequence[Path], side: int) -> Checkout:
    """Make a checkout with copies of `photos`, whose longer side is at most `side`, in a folder
    ``photos`` beside it."""
    made = Checkout(folder)
    made.root.mkdir(parents=True)
    (folder / "photos").mkdir()
    for path in photos:
        with Image.open(path) as photo:
            small = photo.convert("RGB")
        small.thumbnail((side, side))
        small.save(folder / "photos" / f"{path.stem}.png")
    _write_pipeline(made.root)
    (made.root / "params.yaml").write_text(yaml.safe_dump(_params(models)))
    settings = f'[executor]\nkind = "processes"\nworkers = {WORKERS}\n'
    (made.root / "factory.toml").write_text(settings)
    (made.root / "data").mkdir()
    for name in (".weights", ".fetched"):
        if (ROOT / "data" / name).exists():
            (made.root / "data" / name).symlink_to(ROOT / "data" / name)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(  # noqa: S603
            command, cwd=made.root, env=made.environment("setup"), check=True
        )
    for name in (".dvc/config", ".dvcignore"):
        shutil.copy(ROOT / name, made.root / name)
    return made


def _write_pipeline(root: Path) -> None:
    """Write a dvc.yaml whose stages depend on data only; the code is that of this checkout."""
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    for stage in pipeline["stages"].values():
        stage["deps"] = [dep for dep in stage["deps"] if dep.startswith("data/")]
        stage["cmd"] = stage["cmd"].replace("stages/run.sh", f"'{ROOT / 'stages' / 'run.sh'}'")
    del pipeline["plots"]  # their templates are in this checkout
    (root / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))


def _params(models: Models) -> dict[str, dict[str, Any]]:
    params: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "params.yaml").read_text())
    for stage in STAGES:
        gate = params[stage].setdefault("gate", {})
        gate |= {name: value for name, value in _OPEN_GATE.items() if name in gate}
    params["package"]["licences"]["unknown"] = "warn"
    if models == "null":
        roles = ("perceiver", "flow", "metric", "judge")
        params["base"]["models"] = {role: {"backend": "null"} for role in roles}
        for section, values in _NULL_PARAMS.items():
            params[section] |= values
    return params
