import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]


def imported(path: Path) -> set[str]:
    """Modules of stages/ that a file imports at module level, by their paths."""
    found = set[str]()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            found |= {file for file in [module_file(name)] if file}
    return found


def module_file(name: str) -> str | None:
    """The module's file, or its package's where `name` ends in something else than a module."""
    for candidate in (name, name.rpartition(".")[0]):
        path = ROOT.joinpath(*candidate.split("."))
        for file in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
            if candidate.startswith("stages") and file.is_file():
                return file.relative_to(ROOT).as_posix()
    return None


def find_circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import one another in turn; empty where there are none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_modules_import_one_another() -> None:
    files = sorted((ROOT / "stages").rglob("*.py"))
    graph = {path.relative_to(ROOT).as_posix(): imported(path) for path in files}
    assert sum(map(len, graph.values())) > len(graph)
    assert find_circle(graph) == []


def test_a_circle_is_found() -> None:
    assert find_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})
