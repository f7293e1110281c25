"""What holds for every test: one thread, nothing phones home, no clocks, toy stages import."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

FIXTURES = Path(__file__).parent / "fixtures"

os.environ.update(
    OMP_NUM_THREADS="1",
    MKL_NUM_THREADS="1",
    OPENBLAS_NUM_THREADS="1",
    DO_NOT_TRACK="1",
    DVC_NO_ANALYTICS="1",
    GX_ANALYTICS_ENABLED="false",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_OFFLINE="1",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    RAY_USAGE_STATS_ENABLED="0",
    WDS_SECURE="1",
)
sys.path.insert(0, str(FIXTURES))

# One profile for every folder, whatever is collected beside it; a busy machine is no failure. The
# examples are the same each time: what they find is not luck. Where more or fewer are worth their
# time a test says so itself.
settings.register_profile(
    "any machine",
    max_examples=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")


def pytest_xdist_auto_num_workers() -> int:
    """A process more than there are cores: a quarter of the time, tests wait for others."""
    from stages.engine.settings import _count_cores

    return _count_cores() + 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what a failed command printed, which `subprocess.run` keeps to itself."""
    report = yield
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, subprocess.CalledProcessError):
        for name, said in (("stdout", error.stdout), ("stderr", error.stderr)):
            if said:
                text = said if isinstance(said, str) else said.decode(errors="replace")
                report.sections.append((f"{name} of the failed command", text))
    return report
