"""Runs one stage: ``python -m stages NAME``, which is what DVC calls."""

from __future__ import annotations

import sys
from functools import partial

from stages import STAGES


def main() -> None:
    """Run the stage that the command line names; the exit code is `runner.main`'s."""
    # Worker processes import this module too: nothing that they do not need is imported at its top.
    from stages.catalogue import stage_of
    from stages.engine.runner import main as run_stage

    names = sys.argv[1:]
    if len(names) != 1 or names[0] not in STAGES:
        print(f"usage: python -m stages NAME, one of {', '.join(STAGES)}", file=sys.stderr)
        sys.exit(2)
    run_stage(partial(stage_of, names[0]))


if __name__ == "__main__":
    main()
