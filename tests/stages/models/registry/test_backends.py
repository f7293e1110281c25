import inspect
import subprocess
import sys

import pytest

from stages.engine.section import Section
from stages.models import registry
from stages.models.options import Options
from stages.models.protocols import SMALL_CROPS
from stages.models.registry import BACKENDS

ALL = [
    pytest.param(role, backend, id=f"{role}-{name}")
    for role, known in BACKENDS.items()
    for name, backend in known.items()
]
FROM_THE_STAGE = {"explainer": {"seed": 0}, "metric": {"small_crops": SMALL_CROPS}}
"""Arguments that a role's back ends get from the stage."""
HEAVY = {
    "torch",
    "cv2",
    "scipy",
    "skimage",
    "ai_edge_litert",
    "diffusers",
    "transformers",
    "openai",
}
READ = """
import sys
from stages.models.registry import BACKENDS
for known in BACKENDS.values():
    for backend in known.values():
        backend.options_model(), backend.params_model()
print(*{name.partition(".")[0] for name in sys.modules})
"""


def arguments(call):
    """Names of a call's arguments, to their defaults."""
    return {name: given.default for name, given in inspect.signature(call).parameters.items()}


@pytest.mark.parametrize(("role", "backend"), ALL)
def test_a_class_takes_what_the_table_declares_and_repeats_no_default(role, backend):
    backend_class, none = backend.load(), inspect.Parameter.empty
    options = {"options": none} if backend.options else {}
    params = {"params": none} if backend.params else {}
    needed = dict.fromkeys(backend.needs, none)
    own = FROM_THE_STAGE.get(role, {})
    assert arguments(backend_class) == options | params | needed | own
    assert arguments(backend_class.revision) == options
    if hasattr(backend_class, "weights"):  # rules and remote models have none
        assert arguments(backend_class.weights) == options


@pytest.mark.parametrize(("role", "backend"), ALL)
def test_a_table_entry_names_models_and_roles_that_exist(role, backend):
    assert issubclass(backend.options_model(), Options)
    params = backend.params_model()
    assert params is None or issubclass(params, Section)
    assert set(backend.needs) <= set(BACKENDS) - {role}
    assert backend.load().__module__.startswith(backend.module)


def test_options_and_params_are_read_without_a_model_library():
    run = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, check=True)
    assert not HEAVY & set(run.stdout.split())


def test_every_profile_names_back_ends_that_exist():
    for name, roles in registry.read_profiles().items():
        assert BACKENDS.keys() >= roles.keys() >= set(registry.REQUIRED)
        for role in roles:
            assert registry.choice(role, name).backend in BACKENDS[role]
