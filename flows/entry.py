"""Entry point of the command `flawfactory`, which handles Ctrl-C even while its code is loaded."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; on Ctrl-C while it is loaded, print one line and exit with 130."""
    try:
        from flows.cli import app
    except KeyboardInterrupt:
        sys.stderr.write("flawfactory: stopped by SIGINT\n")
        sys.stderr.flush()
        os._exit(130)  # exit handlers of half-loaded modules may fail
    app()
