import importlib
import sys

import pytest

from stages.engine.closure import import_closure

FILES = {
    "__init__.py": '"""A house."""\n',
    "lamp.py": "LIGHT = 1\n",
    "cellar.py": "DARK = 1\n",
    "kitchen/__init__.py": "from house.kitchen import stove\n",
    "kitchen/stove.py": "import house.kitchen.pots\n",
    "kitchen/pots.py": "import numpy\n",
    "kitchen/knives.py": "SHARP = 1\n",
    "kitchen/recipes.md": "Soup.\n",
    "kitchen/gate.json": "{}",
    "kitchen/README.md": "What there is to eat.\n",
    "kitchen/docs/soup.md": "More on soup.\n",
    "kitchen/photo.jpg": "",
    "kitchen/spices/rare.txt": "Saffron.\n",
    "kitchen/pantry/shelf.py": "",
    "kitchen/pantry/labels.json": "{}",
}
ROOM = """
from __future__ import annotations
from typing import TYPE_CHECKING
from house import lamp
if TYPE_CHECKING:
    from house import cellar
def eat():
    from house.kitchen.stove import fire
"""


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A package of its own; `write` adds a module."""

    def write(name, text):
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    for name, text in FILES.items():
        write(name, text)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield write
    assert not [name for name in sys.modules if name.split(".")[0] == "house"]


def names(*modules, left_out=()):
    return {name.removeprefix("house/") for name in import_closure(modules, left_out)}


def test_imports_are_followed_into_functions_and_packages_but_not_for_type_checkers(house):
    house("room.py", ROOM)
    assert {name for name in names("house.room") if name.endswith(".py")} == {
        "room.py", "lamp.py", "kitchen/__init__.py", "kitchen/stove.py", "kitchen/pots.py",
    }  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "import house.lamp",
        "import numpy, house.lamp as light",
        "from house.lamp import LIGHT",
        "from . import lamp",
        "from .lamp import *",
        "try:\n    import house.lamp\nexcept ImportError:\n    pass",
        "import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    from . import lamp",
        "class A:\n    def b(self):\n        return [c for c in __import__('os').name if d()]\n"
        "async def d():\n    import house.lamp",
    ],
)
def test_every_form_of_import_counts(house, line):
    house("room.py", line)
    assert names("house.room") == {"room.py", "lamp.py"}


def test_relative_imports_are_the_packages(house):
    house("hall/__init__.py", "from .door import bell\n")
    house("hall/door.py", "from ..lamp import LIGHT\n")
    assert names("house.hall") == {"hall/__init__.py", "hall/door.py", "lamp.py"}


def test_a_package_that_holds_only_a_docstring_is_no_code(house):
    assert "__init__.py" not in names("house.lamp")
    house("__init__.py", '"""A house."""\nimport house.cellar\n')
    assert names("house.lamp") == {"__init__.py", "lamp.py", "cellar.py"}


def test_data_beside_the_code_counts_and_documents_do_not(house):
    data = {name for name in names("house.kitchen.pots") if not name.endswith(".py")}
    assert data == {"kitchen/recipes.md", "kitchen/spices/rare.txt"}
    assert "kitchen/pantry/labels.json" in names("house.kitchen.pantry.shelf")


def test_what_is_left_out_is_not_followed(house):
    house("room.py", ROOM)
    assert names("house.room", left_out=["house/kitchen/*"]) == {"room.py", "lamp.py"}
    assert "kitchen/recipes.md" not in names("house.kitchen", left_out=["*.md"])


def test_circles_end(house):
    house("chicken.py", "import house.egg\n")
    house("egg.py", "import house.chicken\n")
    assert names("house.egg") == {"egg.py", "chicken.py"}


def test_a_module_that_is_not_there_is_named(house):
    with pytest.raises(ModuleNotFoundError, match=r"house\.attic"):
        import_closure(["house.attic"])


def test_an_edit_is_seen_in_the_same_process(house):
    house("room.py", "import house.lamp\n")
    assert names("house.room") == {"room.py", "lamp.py"}
    house("room.py", "import house.cellar\n")
    assert names("house.room") == {"room.py", "cellar.py"}
