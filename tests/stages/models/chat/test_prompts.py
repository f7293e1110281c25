from pathlib import Path

import pytest

from stages.engine.files import sha256
from stages.models.chat import prompts, schemas

NAMES = {"vocabulary", "caption", "verdict", "flaw", "clean"}
FOLDER = Path(prompts.__file__).parent


def test_the_list_of_templates():
    assert {path.stem for path in FOLDER.glob("*.md")} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_templates_id_has_version_and_digest(name):
    prompt = prompts.load(name)
    digest = sha256((FOLDER / f"{name}.md").read_bytes())[:12]
    assert prompt.id == f"{name} {prompt.version} {digest}" and prompt.version >= 1
    assert prompt.system and prompt.user and "# user" not in prompt.system
    assert prompts.revision(name, "clean") == f"{prompt.id}, {prompts.load('clean').id}"


def test_a_slot_without_a_fact_is_an_error():
    with pytest.raises(KeyError):
        prompts.load("verdict").fill({"intent": "x"})
    filled = prompts.load("verdict").fill({"intent": "an $extra ear", "part": "ear"})
    assert "an $extra ear" in filled and "${" not in filled


def test_text_outside_the_sections_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(prompts, "_FOLDER", tmp_path)
    (tmp_path / "odd.md").write_text("---\nversion: 1\n---\nhello\n\n# system\na\n\n# user\nb\n")
    with pytest.raises(ValueError, match="before the section"):
        prompts.load("odd")


@pytest.mark.parametrize("answer", schemas.Answer.__subclasses__())
def test_schemas_are_strict(answer):
    """Structured output needs all fields required, no others allowed, and no bounds."""
    schema = answer.model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
        for field in part["properties"].values():
            assert not field.keys() & {"minLength", "maxLength", "minItems", "maxItems", "default"}
