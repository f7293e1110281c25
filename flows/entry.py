"""The command `flawfactory`: its code is loaded where Ctrl-C is heard already."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is still being loaded ends it with a line too."""
    try:
        from flows.cli import app
    except KeyboardInterrupt:
        sys.stderr.write("flawfactory: stopped by SIGINT\n")
        sys.stderr.flush()
        os._exit(130)  # modules that are half loaded may fail in what they do at exit
    app()
