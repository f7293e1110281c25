"""The lock files pin what pyproject.toml asks for, with the hash of every file."""

import re
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


def test_make_requires_the_hashes():
    lines = (ROOT / "Makefile").read_text().splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert installs and all("--require-hashes" in line or "--no-deps" in line for line in installs)
