"""The table of docs/architecture.md: who may import applications/, and what it may import."""

import ast
from pathlib import Path

import applications

ROOT = Path(applications.__file__).parents[1]


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def find(folder, prefix):
    """Return the files of a folder that import modules below a prefix, with the modules."""
    return {
        (path.relative_to(ROOT).as_posix(), module)
        for path in sorted((ROOT / folder).rglob("*.py"))
        for module in imported_modules(path)
        if f"{module}.".startswith(f"{prefix}.")
    }


def test_only_commands_import_applications():
    assert not find("stages", "applications")
    using = {path for path, _ in find("flows", "applications")}
    assert using
    assert {path for path in using if not path.startswith("flows/commands/")} == set()


def test_of_flows_only_the_exports_are_used():
    used = {module for _, module in find("applications", "flows")}
    assert used
    assert {module for module in used if not module.startswith("flows.exports.")} == set()
