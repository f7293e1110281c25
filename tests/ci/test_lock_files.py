"""The lock files pin what pyproject.toml asks for, with the hash of every file."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILES = ("cpu.txt", "gpu.txt", "dev.txt", "tools.txt")


def read_pins(name):
    """Return the lines of a lock file, each a requirement with its hashes."""
    text = (ROOT / "requirements" / name).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and line[0] not in "#-"]


def versions(name):
    """Return package to pinned version."""
    found = {}
    for line in read_pins(name):
        requirement = Requirement(line.split(" --hash")[0].strip())
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", line
        package = canonicalize_name(requirement.name)
        assert found.setdefault(package, specifier.version) == specifier.version
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_hashes(name):
    for line in read_pins(name):
        hashes = re.findall(r"--hash=(\S+)", line)
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in hashes), line


def test_the_pins_satisfy_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cpu, dev = versions("cpu.txt"), versions("cpu.txt") | versions("dev.txt")
    for wanted, pinned in ((project["dependencies"], cpu),
                           (project["optional-dependencies"]["dev"], dev)):  # fmt: skip
        for text in wanted:
            requirement = Requirement(text)
            assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, text


def test_the_files_agree_on_versions():
    cpu, gpu, dev = (versions(name) for name in ("cpu.txt", "gpu.txt", "dev.txt"))
    assert cpu.items() <= gpu.items()
    assert all(cpu.get(package, version) == version for package, version in dev.items())


def plan_setup(*arguments):
    """Return the commands that `make setup-dev` would run in a new environment."""
    command = ["make", "--dry-run", "setup-dev", "VENV=/nonexistent", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "pip install" in line]


def test_make_requires_the_hashes_when_asked():
    lines = plan_setup("HASHES=1", "LOCK=requirements/gpu.txt")
    assert "--require-hashes -r requirements/gpu.txt" in lines[0]
    assert "--no-deps --no-build-isolation --editable ." in lines[1]
    assert lines[2].endswith("--require-hashes -r requirements/gpu.txt -r requirements/dev.txt")


def test_make_installs_the_versions_of_any_build(tmp_path):
    lines = [line for line in plan_setup(f"VENV={tmp_path}") if "--editable" not in line]
    for names, line in zip((["cpu.txt"], ["cpu.txt", "dev.txt"]), lines, strict=True):
        write = line.partition(" && ")[0]
        subprocess.run(write, cwd=ROOT, shell=True, check=True)
        written = [
            pin for pin in (tmp_path / "versions.txt").read_text().splitlines() if pin[0] != "#"
        ]
        pins = [pin.split(" --hash")[0].strip() for name in names for pin in read_pins(name)]
        assert written == pins
