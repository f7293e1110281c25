"""Find the import closure of modules by parsing their source, without importing them.

It contains every module of this project that they may import, including imports inside functions,
the packages that contain those modules, and the data files beside them: prompts, coefficients,
tables.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

DATA = frozenset({".json", ".md", ".png", ".toml", ".txt", ".yaml"})
"""Suffixes of data files."""
_NO_DATA = ("gate.json", "metrics.json", "README*", "docs")
"""Names of files and folders that are not data of the code beside them."""


def import_closure(modules: Iterable[str], left_out: Iterable[str] = ()) -> dict[str, Path]:
    """Return the files of the closure by path, sorted; paths are relative to the folder that
    contains the top-level package.

    Args:
        modules: dotted names.
        left_out: patterns (fnmatch) of paths to leave out; their imports are not followed.

    Raises:
        ModuleNotFoundError: one of `modules` does not exist.
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
        found |= {search.relative(path): path for path in _find_data_files(folder)}
    return {name: found[name] for name in sorted(found) if not matches(name, skipped)}


@dataclass(frozen=True)
class _Search:
    """Finds files of the project's top-level packages."""

    roots: dict[str, Path]
    """Name of a top-level package to the folder that contains it."""

    @classmethod
    def of(cls, modules: Iterable[str]) -> _Search:
        """Search the top-level packages of `modules` and of this module."""
        tops = {name.partition(".")[0] for name in (*modules, __name__)}
        return cls({top: folder for top in tops if (folder := _top_folder(top))})

    def find(self, module: str) -> Path | None:
        """Return the module's file; None if it is not part of the project."""
        top = module.partition(".")[0]
        if top not in self.roots:
            return None
        path = self.roots[top].joinpath(*module.split("."))
        files = (path / "__init__.py", path.with_name(f"{path.name}.py"))
        return next((file for file in files if file.is_file()), None)

    def relative(self, path: Path) -> str:
        """Return the file's path from the nearest root, which does not depend on where the checkout
        is."""
        paths = [path.relative_to(r) for r in self.roots.values() if path.is_relative_to(r)]
        return min(paths, key=lambda found: len(found.parts)).as_posix()


def _top_folder(top: str) -> Path | None:
    """Return the folder that contains a top-level module or package."""
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin)
    return path.parents[1] if path.name == "__init__.py" else path.parent


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Return whether `path` matches one of the `fnmatch` patterns."""
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _package(module: str, path: Path) -> str:
    return module if path.name == "__init__.py" else module.rpartition(".")[0]


def _parents(module: str) -> Iterator[str]:
    while module := module.rpartition(".")[0]:
        yield module


@dataclass(frozen=True)
class _Source:
    imports: tuple[str, ...]
    """Imported names, which may be modules or names inside them."""
    empty: bool
    """Whether it contains nothing but a docstring, like most packages' ``__init__``."""


@cache
def _read(source: bytes, package: str) -> _Source:
    """Parse a module, once per process for the same bytes."""
    body = ast.parse(source).body
    empty = all(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in body)
    return _Source(tuple(name for node in body for name in _imports(node, package)), empty)


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    """Yield the names that `node` imports, except those for type checkers only."""
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


def _find_data_files(folder: Path) -> Iterator[Path]:
    """Yield the data files of a folder, and of its subfolders that contain no Python."""
    for path in folder.iterdir():
        if matches(path.name, _NO_DATA) or path.name.startswith((".", "__")):
            continue
        if path.is_dir():
            if not any(path.rglob("*.py")):
                yield from _find_data_files(path)
        elif path.suffix in DATA:
            yield path
