"""What DVC runs for the stage `inject`."""

from functools import partial

from stages.catalogue import stage_of
from stages.engine.runner import main

if __name__ == "__main__":  # worker processes import this module again
    main(partial(stage_of, "inject"))
