"""One virtual environment per library."""

from __future__ import annotations

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

from benchmarks.loaders.libraries import Library

_DONE = "installed"


def make_environment(folder: Path, library: Library) -> Path:
    """Return the interpreter of a library's environment, which is made and filled if necessary.

    torch is held at the version of this environment, which is a CPU build where one is offered,
    unless the library wants its own.

    Raises:
        subprocess.CalledProcessError: an installation failed.
    """
    if not library.installs:
        return Path(sys.executable)
    python, done = folder / "bin" / "python", folder / _DONE
    wanted = repr((library.installs, library.own_torch))
    if done.is_file() and done.read_text(encoding="utf-8") == wanted:
        return python
    venv.create(folder, with_pip=True, clear=True)
    constraints = folder / "constraints.txt"
    pins = (f"{name}=={version(name).split('+')[0]}\n" for name in ("torch", "torchvision"))
    constraints.write_text("" if library.own_torch else "".join(pins), encoding="utf-8")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for arguments in library.installs:
        command = [*pip, "--constraint", str(constraints), *arguments]
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    done.write_text(wanted, encoding="utf-8")
    return python
