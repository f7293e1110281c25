"""Run every command that the documentation names, at its smallest size (commands.toml).

    python .ci/commands.py CHECKOUT [word ...]

CHECKOUT is a clone with a finished build, which the commands may change. With words only those
commands run that hold one of them.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
TIMEOUT = 600
"""Seconds a command, on a busy machine."""
PRELUDE = """
set -euo pipefail
stays() { timeout --kill-after=30 25 "$@" || [ $? = 124 ]; }
"""
DOCUMENTS = ("*.md", "benchmarks/**/*.md", "data/*.md", "docs/**/*.md", "samples/*.md",
             "training/*.md", "weights/**/*.md", "benchmarks/**/*.py", "training/*.py")  # fmt: skip
"""Of a Python file only its module's docstring counts, which is its help."""
_COMMAND = re.compile(
    r"(?:python3? (?:-m )?(?:benchmarks|training)\b|flawfactory [a-z]|dvc [a-z]|make [a-z]"
    r"|prefect [a-z]|pre-commit [a-z])[^`#\n]*"
)
Words = tuple[str, ...]


def code(text: str, is_module: bool) -> Iterator[str]:
    """Lines of a document that are code: spans, fenced blocks, and a docstring's indented lines."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or (is_module and line.startswith("    ")):
            yield line
        else:
            yield from re.findall(r"`([^`]+)`", line)


def named(text: str, is_module: bool = False) -> Iterator[str]:
    """Commands in the code of a document, with their arguments."""
    for line in code(text, is_module):
        line = line.strip().removeprefix(".venv/bin/")
        if found := _COMMAND.match(line):
            yield found[0].strip()


def documented(root: Path) -> dict[str, list[str]]:
    """Every command that the documentation names, with the files that do."""
    found: dict[str, list[str]] = {}
    for path in sorted({path for pattern in DOCUMENTS for path in root.glob(pattern)}):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            text = ast.get_docstring(ast.parse(text)) or ""
        for command in named(text, path.suffix == ".py"):
            found.setdefault(command, []).append(path.relative_to(root).as_posix())
    return found


def entry(command: str) -> str | None:
    """The table's entry for a documented command: the longest whose words it has in their order,
    or one that it is the beginning of; None where there is none."""
    words = command.split()
    known = [name for part in TABLE.values() for name in part]
    begun = [name for name in known if _within(name.split(), words)]
    if begun:
        return max(begun, key=lambda name: len(name.split()))
    return next((name for name in known if name.split()[: len(words)] == words), None)


def _within(name: list[str], words: list[str]) -> bool:
    """The program and subcommand in front; an option anywhere behind."""
    front = [word for word in name if not word.startswith("--")]
    return words[: len(front)] == front and set(name) <= set(words)


def write_shard(folder: Path, photos: Path) -> None:
    """Photos as training takes them: one held out of training, two to train on, one to test on."""
    from PIL import Image

    folder.mkdir()
    chosen = {"00": "scikit-image/astronaut", "5a": "scikit-image/coffee",
              "aa": "scikit-image/chelsea", "bb": "plasma/Cat"}  # fmt: skip
    with tarfile.open(folder / "train-00000.tar", "w") as tar:
        for start, name in chosen.items():
            stream = io.BytesIO()
            with Image.open(photos / f"{name}.png") as image:
                small = image.convert("RGB")
            small.thumbnail((512, 384))
            small.save(stream, "WEBP")
            source = "Debian plasma-workspace-data" if "plasma" in name else "scikit-image"
            info = {"source": source, "licence": "CC0-1.0"}
            key = start.ljust(16, "0")
            for kind, data in (("webp", stream.getvalue()), ("json", json.dumps(info).encode())):
                member = tarfile.TarInfo(f"{key}.{kind}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def environment(checkout: Path, work: Path) -> dict[str, str]:
    """Of the commands: this interpreter's programs, the checkout's code, one thread.

    Prefect's home is an empty one, and nobody's server is asked: `flawfactory gc --purge` removes
    contact sheets from the home's database, `prefect artifact delete` from the server.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    programs = Path(sys.executable).parent
    author = {f"GIT_{who}_{what}": "ci@localhost" for who in ("AUTHOR", "COMMITTER")
              for what in ("NAME", "EMAIL")}  # fmt: skip
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    return {
        **inherited,
        **author,
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "PYTHONPATH": str(checkout),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PREFECT_HOME": str(work / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "venv": str(programs.parent),
        "work": str(work),
        "port": str(port),
    }


def run(script: str, checkout: Path, variables: dict[str, str]) -> bool:
    """Whether the script of the table ended well, in time."""
    command = ["bash", "-c", PRELUDE + script]
    try:
        done = subprocess.run(command, cwd=checkout, env=variables, timeout=TIMEOUT)  # noqa: S603
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> None:
    """Run them all; name those that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("words", nargs="*")
    given = parser.parse_args()
    checkout = given.checkout.resolve()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        samples = checkout / "samples" / "photos"
        write_shard(work / "shards", samples)
        (work / "photos").mkdir()
        (work / "photos" / "astronaut.png").symlink_to(samples / "scikit-image" / "astronaut.png")
        variables, failed = environment(checkout, work), list[str]()
        for name, script in TABLE["run"].items():
            if given.words and not any(word in name for word in given.words):
                continue
            print(f"== {name}", flush=True)
            start = time.monotonic()
            if not run(script, checkout, variables):
                failed.append(name)
            print(f"== {time.monotonic() - start:.0f} s", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
