"""``python -m flows.leashed MODULE ARGUMENTS``: run a module that ends with its parent process.

See `stages.engine.execution.leash`.
"""

from __future__ import annotations

import runpy
import sys

from stages.engine.execution.leash import exit_with_starter


def main() -> None:
    """Run the module as ``python -m MODULE`` would."""
    exit_with_starter()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
