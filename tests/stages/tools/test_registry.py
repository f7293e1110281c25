from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from stages import tools
from stages.engine.closure import import_closure
from stages.tools import TOOLS, Tool
from stages.tools.aspects.claims import ClaimsAspect
from stages.tools.aspects.mapping import MappingAspect

FOLDER = Path(tools.__file__).parent
ASPECTS = sorted(path.stem for path in (FOLDER / "aspects").glob("[!_]*.py"))


def test_every_folder_is_a_tool():
    folders = {path.parent.name for path in FOLDER.glob("*/mapping.py")} - {"aspects"}
    assert folders == set(TOOLS)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_declares_every_aspect_and_nothing_else(tool):
    found = {path.stem for path in (FOLDER / tool).glob("[!_]*.py")}
    assert found - {"released"} == set(ASPECTS)  # released.py: rules that mapping.py uses


def test_aspects_are_found_in_the_order_of_the_tools():
    assert tuple(tools.by_tool(MappingAspect)) == TOOLS
    assert tools.aspect("remove", ClaimsAspect).meant == "an absence"


def test_modules_are_those_of_all_tools():
    assert tools.modules("parts", "words")[:3] == (
        "stages.tools.add.parts", "stages.tools.add.words", "stages.tools.remove.parts",
    )  # fmt: skip


def test_an_unknown_tool_is_refused_with_those_there_are():
    with pytest.raises(ValidationError, match=f"{TOOLS[0]}.*{TOOLS[-1]}"):
        TypeAdapter(Tool).validate_python("melt")


def test_how_a_tool_maps_does_not_depend_on_its_words():
    covered = import_closure(tools.modules("mapping"))
    assert "stages/tools/add/mapping.py" in covered
    assert not [path for path in covered if path.endswith(("words.py", "claims.py"))]
