"""Run every command that the documentation names, at its smallest size (see commands.toml).

    python .ci/commands.py CHECKOUT [word ...]

CHECKOUT is a clone with a finished build, which the commands may change. With words, only the
commands that contain one of them run.
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
"""Maximum seconds per command, on a busy machine."""
SHOWN_LINES = 60
"""Number of lines of a failed command's output that are printed again at the end."""
PRELUDE = """
set -euo pipefail
stays() { timeout --kill-after=30 25 "$@" || [ $? = 124 ]; }
"""
DOCUMENTS = ("*.md", "applications/**/*.md", "benchmarks/**/*.md", "data/*.md", "docs/**/*.md",
             "samples/*.md", "training/*.md", "weights/**/*.md", "applications/**/*.py",
             "benchmarks/**/*.py", "training/*.py")  # fmt: skip
"""Files with documented commands. Of a Python file only the module's docstring counts."""
_COMMAND = re.compile(
    r"(?:python3? (?:-m )?(?:applications|benchmarks|training)\b|flawfactory [a-z]|dvc [a-z]"
    r"|make [a-z]|prefect [a-z]|pre-commit [a-z]|ray [a-z])[^`#\n]*"
)


def code_lines(text: str, is_module: bool) -> Iterator[str]:
    """Yield the code of a document: spans, fenced blocks, and a docstring's indented lines."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or (is_module and line.startswith("    ")):
            yield line
        else:
            yield from re.findall(r"`([^`]+)`", line)


def find_commands(text: str, is_module: bool = False) -> Iterator[str]:
    """Yield the commands in the code of a document, with their arguments."""
    for line in code_lines(text, is_module):
        line = line.strip().removeprefix(".venv/bin/")
        if found := _COMMAND.match(line):
            yield found[0].strip()


def documented_commands(root: Path) -> dict[str, list[str]]:
    """Return every command that the documentation names, with the files that name it."""
    found: dict[str, list[str]] = {}
    for path in sorted({path for pattern in DOCUMENTS for path in root.glob(pattern)}):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            text = ast.get_docstring(ast.parse(text)) or ""
        for command in find_commands(text, path.suffix == ".py"):
            found.setdefault(command, []).append(path.relative_to(root).as_posix())
    return found


def find_entry(command: str) -> str | None:
    """Find the table's entry for a documented command, or None.

    That is the longest entry whose words the command has; else one that begins with the command.
    """
    words = command.split()
    known = [name for part in TABLE.values() for name in part]
    matching = [name for name in known if _matches(name.split(), words)]
    if matching:
        return max(matching, key=lambda name: len(name.split()))
    return next((name for name in known if name.split()[: len(words)] == words), None)


def _matches(name: list[str], words: list[str]) -> bool:
    """Return whether `words` begin with the entry's program and subcommand and have its options."""
    front = [word for word in name if not word.startswith("--")]
    return words[: len(front)] == front and set(name) <= set(words)


def write_shard(folder: Path, photos: Path) -> None:
    """Write a shard of training photos: one held out of training, two to train, one to test on."""
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
    """Return the commands' environment: this interpreter, the checkout's code, one thread.

    Prefect's home is an empty folder and no server is configured, because `flawfactory gc --purge`
    removes contact sheets from the home's database and `prefect artifact delete` from the server.
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


def run(script: str, checkout: Path, variables: dict[str, str]) -> tuple[str, str]:
    """Run a script of the table; return why it failed, empty if it did not, and what it printed."""
    command = ["bash", "-c", PRELUDE + script]
    with tempfile.TemporaryFile() as output:  # a pipe would wait for servers that it leaves behind
        try:
            done = subprocess.run(  # noqa: S603
                command, cwd=checkout, env=variables, timeout=TIMEOUT, stdout=output,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
            reason = f"exit code {done.returncode}" if done.returncode else ""
        except subprocess.TimeoutExpired:
            reason = f"still running after {TIMEOUT} s"
        output.seek(0)
        return reason, output.read().decode(errors="replace")


def main() -> None:
    """Run the commands and list those that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("words", nargs="*")
    args = parser.parse_args()
    checkout = args.checkout.resolve()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        samples = checkout / "samples" / "photos"
        write_shard(work / "shards", samples)
        (work / "photos").mkdir()
        (work / "photos" / "astronaut.png").symlink_to(samples / "scikit-image" / "astronaut.png")
        variables, failed = environment(checkout, work), dict[str, str]()
        for name, script in TABLE["run"].items():
            if args.words and not any(word in name for word in args.words):
                continue
            print(f"== {name}", flush=True)
            start = time.monotonic()
            reason, output = run(script, checkout, variables)
            print(output, end="")
            if reason:
                failed[name] = f"{reason}\n" + "\n".join(output.splitlines()[-SHOWN_LINES:])
            print(f"== {time.monotonic() - start:.0f} s", flush=True)
    if failed:  # again, because a log is read from its end
        for name, ending in failed.items():
            print(f"== failed: {name}: {ending}")
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
