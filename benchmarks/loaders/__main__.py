"""Load exports of a data set with the real libraries and compare what they see with the truth.

    python -m benchmarks.loaders [LIBRARY ...] [--pairs N] [--environments FOLDER] [--json FILE]

pycocotools, datasets and transformers run in this environment. For ultralytics, trl, llamafactory,
swift (ms-swift) and fiftyone an environment each is made by pip (a few minutes and 1 to 6 GB each),
in a temporary folder or in FOLDER, where it is used again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.loaders.environments import make_environment
from benchmarks.loaders.exported import describe_pictures, export, read_some
from benchmarks.loaders.libraries import LIBRARIES
from benchmarks.stopping import UntilStopped
from stages.engine.workspace import Workspace

CHECKS = Path(__file__).with_name("checks")
TIMEOUT = 1800
"""Maximum seconds of one library's check, on a busy machine."""


def run(name: str, exports: Path, environments: Path) -> dict[str, Any]:
    """Run a library's check in its environment; an error becomes a failed check."""
    started = time.perf_counter()
    result = exports / f"{name}.json"
    try:
        python = make_environment(environments / name, LIBRARIES[name])
        command = [str(python), str(CHECKS / f"with_{name}.py"), str(exports), str(result)]
        subprocess.run(  # noqa: S603
            command, check=True, capture_output=True, text=True, timeout=TIMEOUT, cwd=exports,
            env=_make_variables(exports),
        )  # fmt: skip
        found = json.loads(result.read_bytes())
    except subprocess.SubprocessError as error:
        output = getattr(error, "stderr", None) or str(error)
        lines = [line for line in str(output).splitlines() if line.strip()] or [str(error)]
        checks = [{"what": "it runs", "passed": False, "detail": lines[-1]}]
        found = {"library": name, "version": "", "rows": 0, "checks": checks, "output": lines[-20:]}
    return found | {"seconds": round(time.perf_counter() - started)}


def _make_variables(exports: Path) -> dict[str, str]:
    """Return variables that keep a library off the network and out of this environment."""
    dropped = ("PYTHONPATH", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    home = str(exports / "home")
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": home, "YOLO_CONFIG_DIR": home}
    return kept | offline | {"MODELSCOPE_CACHE": home, "TOKENIZERS_PARALLELISM": "false"}


def make_table(results: list[dict[str, Any]]) -> Table:
    """Make a row per check."""
    table = Table(title=f"Exports in the real libraries ({platform.machine()})")
    for column in ("library", "version", "rows", "checked", "result"):
        table.add_column(column)
    for found in results:
        head = (found["library"], found["version"], str(found["rows"]))
        for check in found["checks"]:
            verdict = "ok" if check["passed"] else "FAILED"
            table.add_row(*head, check["what"], f"{verdict} {check['detail']}".strip())
            head = ("", "", "")
        table.add_section()
    return table


def main() -> None:
    """Print the table; exit with 1 if a check failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", nargs="*", default=list(LIBRARIES), metavar="LIBRARY")
    parser.add_argument("--from", dest="package", type=Path, help="default data/package")
    parser.add_argument("--pairs", type=int, default=4, help="of each split")
    parser.add_argument("--environments", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if unknown := set(given.libraries) - set(LIBRARIES):
        parser.error(f"no {', '.join(sorted(unknown))}: choose from {', '.join(LIBRARIES)}")
    with tempfile.TemporaryDirectory() as temporary:
        exports = Path(temporary) / "exports"
        exports.mkdir()
        samples = read_some(given.package or Workspace.find().stage("package"), given.pairs)
        describe_pictures(samples, exports)
        for name, target in sorted({e for lib in given.libraries for e in LIBRARIES[lib].exports}):
            export(samples, exports, name, target)
        environments = given.environments or Path(temporary) / "environments"
        results = UntilStopped(run(name, exports, environments) for name in given.libraries)
        found = list(results)
    Console(width=None if sys.stdout.isatty() else 140).print(make_table(found))
    if given.json:
        machine = {"cores": os.cpu_count(), "system": platform.platform(),
                   "python": platform.python_version()}  # fmt: skip
        written = {"pairs": len(samples), "machine": machine, "libraries": found}
        given.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    results.exit_if_stopped()
    sys.exit(any(not check["passed"] for library in found for check in library["checks"]))


if __name__ == "__main__":
    main()
