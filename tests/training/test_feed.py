from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np

from training.feed import batches

EXPECTED = [[n, n * n] for n in range(5, 11)]
AHEAD = """
from itertools import islice
import numpy as np
from training.feed import batches

found = list(islice(batches(lambda step: np.array([step, step**2]), 5, 2), 6))
assert all(isinstance(one, np.ndarray) for one in found)
print([one.tolist() for one in found])
"""


def test_batches_made_on_demand_come_in_the_order_of_steps():
    found = list(islice(batches(lambda step: np.array([step, step**2]), 5, 0), 6))
    assert [one.tolist() for one in found] == EXPECTED


def test_batches_made_ahead_come_in_the_order_of_steps():
    """Runs in a fresh process: loaders are forked, and a process with threads must not fork."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", AHEAD]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == str(EXPECTED), done.stderr
