"""The table of docs/architecture.md: which folder of stages/ may import which."""

import ast
from pathlib import Path

import pytest

import stages

ROOT = Path(stages.__file__).parent
ALLOWED = {
    "engine": {"engine", "left_out"},
    "records": {"records", "tools"},
    "tools": {"tools", "records", "engine"},
    "models": {"models", "records", "tools", "engine"},
    **{
        name: {name, "records", "tools", "models", "engine"}
        for name in stages.STAGES
        if name != "package"
    },
    # The card names the back ends and params of all stages.
    "package": {"package", "records", "tools", "models", "engine", "catalogue", ""},
}


def imported_folders(path):
    """Yield the folders of stages/ that a file imports from; the empty name is stages itself."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            top, *rest = node.module.split(".")
            if top == "stages":
                yield from rest[:1] or [
                    alias.name if (ROOT / alias.name).is_dir() else "" for alias in node.names
                ]


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_a_folder_imports_only_what_its_layer_may(folder):
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in (ROOT / folder).rglob("*.py")
        for name in imported_folders(path)
    }
    assert found
    assert {(path, name) for path, name in found if name not in ALLOWED[folder]} == set()


def test_every_folder_has_a_layer():
    folders = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(ALLOWED)
