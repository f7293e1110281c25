import ast
from pathlib import Path

import pytest

import stages
from stages import STAGES
from stages.catalogue import build_stage, parse_params, stage_class
from stages.engine import codes
from stages.engine.codes import AsideCode, RejectCode
from stages.engine.provenance import code_files

ROOT = Path(stages.__file__).parent


class Fault(RejectCode):
    BROKEN = "broken"


class Copy(AsideCode):
    COPY = "copy"


def test_codes_are_strings():
    assert Fault.BROKEN == "broken" and f"{Fault.BROKEN}" == "broken"
    fetched = {"not_allowed", "not_fetched", "opted_out"}
    engine = {"internal_error", "out_of_memory", "worker_died"}
    assert codes.names([Fault, Copy]) == sorted({"broken", "copy"} | engine | fetched)
    assert codes.aside_codes([Fault, Copy]) == {"copy"} | fetched


def declared(path):
    """Yield the enumerations of codes that a file declares."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        bases = [ast.unparse(base) for base in getattr(node, "bases", [])]
        if isinstance(node, ast.ClassDef) and {"RejectCode", "AsideCode"} & set(bases):
            yield node.name


def used(path):
    """Yield the enumerations of codes of which a file uses a member."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr.isupper():
            yield ast.unparse(node.value).split(".")[-1]


EVERYWHERE = {name for path in ROOT.rglob("*.py") for name in declared(path)}


def test_every_enumeration_of_codes_belongs_to_a_stage_or_the_engine():
    listed = {kind.__name__ for name in STAGES for kind in stage_class(name).codes}
    assert listed | {"EngineCode", "FetchCode", "AsideCode"} == EVERYWHERE


@pytest.mark.parametrize("profile", ["compact", "flux"])
@pytest.mark.parametrize("name", STAGES)
def test_a_stage_lists_every_code_that_its_code_can_raise(name, profile):
    """Otherwise the reject of a single photo would fail the gate for the whole set."""
    stage = build_stage(name, parse_params({"base": {"profile": profile}}))
    listed = {kind.__name__ for kind in stage.codes}
    found = {kind for path in code_files(stage).values() if path.suffix == ".py"
             for kind in used(path)} & EVERYWHERE  # fmt: skip
    assert found - {"EngineCode", "FetchCode"} <= listed


def literal_codes(path):
    """Yield the places where a file creates a reject with a literal instead of a `RejectCode`."""
    calls = {"RejectPhoto", "RejectForNow", "Unusable", "UnusableVariant", "FileProblem", "Reject"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func).split(".")[-1]) in calls:
            given = node.args[2:3] if name == "Reject" else node.args[:1]
            given += [k.value for k in node.keywords if k.arg == "code"]
            if any(isinstance(argument, ast.Constant) for argument in given):
                yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_no_reject_is_raised_with_a_literal_code():
    assert not [place for path in ROOT.rglob("*.py") for place in literal_codes(path)]
