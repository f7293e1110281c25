"""Compare the table of .ci/commands.toml with the commands that the documentation names."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("commands", ROOT / ".ci" / "commands.py")
commands = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(commands)
DOCUMENTED = commands.documented_commands(ROOT)


@pytest.mark.parametrize("command", DOCUMENTED)
def test_documented_command_has_an_entry(command):
    assert commands.find_entry(command), f"{DOCUMENTED[command]}: add an entry to .ci/commands.toml"


def test_every_entry_is_documented():
    known = {commands.find_entry(command) for command in DOCUMENTED}
    assert {name for part in commands.TABLE.values() for name in part} <= known


@pytest.mark.parametrize("folder", ["applications", "benchmarks", "training"])
def test_every_program_has_an_entry(folder):
    for path in (ROOT / folder).rglob("*.py"):
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8"):
            place = path.relative_to(ROOT).with_suffix("")
            module = ".".join(place.parts).removesuffix(".__main__")
            names = (f"python -m {module}", f"python {place}.py")
            assert any(commands.find_entry(name) for name in names), f"{path}: add it to the table"


@pytest.mark.parametrize("name", commands.TABLE["elsewhere"])
def test_entry_of_another_file_is_there(name):
    file, *words = commands.TABLE["elsewhere"][name]
    if file == ".ci/commands.toml":  # part of another entry; this entry's own words do not count
        text = "\n".join(commands.TABLE["run"].values())
    else:
        text = (ROOT / file).read_text(encoding="utf-8")
    assert [word for word in words if word not in text] == []


def test_entry_runs_its_command():
    for name, script in commands.TABLE["run"].items():
        program = " ".join(word for word in name.split() if not word.startswith("--"))
        verb = re.escape(program).replace("make\\ ", r"make( --\S+)*\ ")
        assert re.search(verb, script), name


def test_commands_are_found_only_in_code():
    text = "Do `flawfactory none --really` or make sense:\n```\n.venv/bin/dvc push  # up\n```\n"
    assert list(commands.find_commands(text)) == ["flawfactory none --really", "dvc push"]
    assert list(commands.find_commands("Tells.\n\n    make sandwich [OUT]\n", True)) == [
        "make sandwich [OUT]"
    ]
    assert commands.find_entry("flawfactory none --really") is None


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (
            "python -m benchmarks.synthesis --device cuda --full-shape",
            "python -m benchmarks.synthesis --full-shape",
        ),
        ("python -m benchmarks.synthesis --photos 2", "python -m benchmarks.synthesis"),
        ("python -m benchmarks.quality.looks", "python -m benchmarks.quality.looks sheets"),
    ],
)
def test_longest_matching_entry_is_found(command, name):
    assert commands.find_entry(command) == name


def test_commands_have_a_prefect_home_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("PREFECT_HOME", "/home/somebody/.prefect")
    given = commands.environment(tmp_path, tmp_path / "work")
    assert "PREFECT_API_URL" not in given
    assert given["PREFECT_HOME"] == str(tmp_path / "work" / "prefect")


def test_failed_script_says_why_and_what_it_printed(tmp_path, monkeypatch):
    assert commands.run("echo fine", tmp_path, {}) == ("", "fine\n")
    assert commands.run("echo bad >&2; false; echo no", tmp_path, {}) == ("exit code 1", "bad\n")
    assert commands.run("sleep 60 & echo left", tmp_path, {}) == ("", "left\n")  # does not wait
    monkeypatch.setattr(commands, "TIMEOUT", 1)
    reason, output = commands.run("echo slow; sleep 60", tmp_path, {})
    assert (reason, output) == ("still running after 1 s", "slow\n")
