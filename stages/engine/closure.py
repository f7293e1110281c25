"""The import closure of modules, read from their source without importing them.

It holds every module of this project that the given ones may import, inside functions too, the
packages that they lie in, and the data files beside them: prompts, coefficients, tables.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

DATA = frozenset({".json", ".md", ".toml", ".txt", ".yaml"})
"""Suffixes of data files."""
_NO_DATA = ("gate.json", "README*", "docs")
"""Names of files and folders that hold no data for the code beside them."""


def import_closure(modules: Iterable[str], left_out: Iterable[str] = ()) -> dict[str, Path]:
    """Sources by their path from the folder that holds their top-level package, sorted.

    Args:
        modules: dotted names.
        left_out: patterns (fnmatch) of paths that do not count, nor what only they import.

    Raises:
        ModuleNotFoundError: one of `modules` is not there.
    """
    search, skipped = _Search.of(modules), tuple(left_out)
    found: dict[str, Path] = {}
    for name in modules:
        if search.find(name) is None:
            raise ModuleNotFoundError(f"there is no module {name!r}")
    todo, seen, folders = list(modules), set[str](), set[Path]()
    while todo:
        name = todo.pop()
        path = None if name in seen else search.find(name)
        seen.add(name)
        if path is None or matches(search.relative(path), skipped):
            continue
        source = _read(path.read_bytes(), _package(name, path))
        todo += [*_parents(name), *source.imports]
        if not (source.empty and path.name == "__init__.py"):
            found[search.relative(path)] = path
        folders.add(path.parent)
    for folder in folders:
        found |= {search.relative(path): path for path in _data(folder)}
    return {name: found[name] for name in sorted(found) if not matches(name, skipped)}


@dataclass(frozen=True)
class _Search:
    """Where the project's top-level packages lie."""

    roots: dict[str, Path]
    """Name to the folder that holds the package."""

    @classmethod
    def of(cls, modules: Iterable[str]) -> _Search:
        """Those of `modules` and this one."""
        tops = {name.partition(".")[0] for name in (*modules, __name__)}
        return cls({top: folder for top in tops if (folder := _top_folder(top))})

    def find(self, module: str) -> Path | None:
        """The module's file; None when it is none of the project's."""
        top = module.partition(".")[0]
        if top not in self.roots:
            return None
        path = self.roots[top].joinpath(*module.split("."))
        files = (path / "__init__.py", path.with_name(f"{path.name}.py"))
        return next((file for file in files if file.is_file()), None)

    def relative(self, path: Path) -> str:
        """The file's path from the nearest root: it does not tell where the checkout lies."""
        paths = [path.relative_to(r) for r in self.roots.values() if path.is_relative_to(r)]
        return min(paths, key=lambda found: len(found.parts)).as_posix()


def _top_folder(top: str) -> Path | None:
    """The folder that holds a top-level module."""
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin)
    return path.parents[1] if path.name == "__init__.py" else path.parent


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether `path` fits one of the `fnmatch` patterns."""
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _package(module: str, path: Path) -> str:
    return module if path.name == "__init__.py" else module.rpartition(".")[0]


def _parents(module: str) -> Iterator[str]:
    while module := module.rpartition(".")[0]:
        yield module


@dataclass(frozen=True)
class _Source:
    imports: tuple[str, ...]
    """Names that may be modules."""
    empty: bool
    """Nothing but a docstring, as in most packages' ``__init__``."""


@cache
def _read(source: bytes, package: str) -> _Source:
    """Parse a module; once a process for the same bytes."""
    body = ast.parse(source).body
    empty = all(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in body)
    return _Source(tuple(name for node in body for name in _imports(node, package)), empty)


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    """Names that `node` imports, but those for type checkers alone."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parts = package.split(".")
        base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
        module = ".".join(filter(None, (base, node.module)))
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.If) and _is_type_checking(node.test):
        for child in node.orelse:
            yield from _imports(child, package)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, package)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _data(folder: Path) -> Iterator[Path]:
    """Data files of a folder, and of those below it that hold no Python."""
    for path in folder.iterdir():
        if matches(path.name, _NO_DATA) or path.name.startswith((".", "__")):
            continue
        if path.is_dir():
            if not any(path.rglob("*.py")):
                yield from _data(path)
        elif path.suffix in DATA:
            yield path
