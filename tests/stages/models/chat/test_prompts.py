from pathlib import Path

import pytest

from stages.engine.files import sha256
from stages.models import registry
from stages.models.captioner.vlm.captioner import CaptionAnswer
from stages.models.chat import prompts
from stages.models.explainer.vlm.explainer import CleanAnswer, FlawAnswer
from stages.models.judge.vlm.judge import VerdictAnswer
from stages.models.vocabulary.vlm.vocabulary import VocabularyAnswer

MODELS = Path(prompts.__file__).parents[1]
TEMPLATES = {path.stem: path for path in MODELS.rglob("*.md")}


def test_the_flux_profile_asks_every_question():
    assert set(registry.prompts("flux", *registry.roles("flux"))) == set(TEMPLATES)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_templates_id_has_version_and_digest(name):
    prompt = prompts.load(TEMPLATES[name])
    assert prompt.id == f"{name} {prompt.version} {prompt.digest}" and prompt.version >= 1
    if not TEMPLATES[name].with_suffix("").is_dir():  # without examples
        assert prompt.digest == sha256(TEMPLATES[name].read_bytes())[:12]
    assert prompt.system and prompt.user and "# user" not in prompt.system


def test_the_revision_names_every_template():
    flaw, clean = TEMPLATES["flaw"], TEMPLATES["clean"]
    assert prompts.revision(flaw, clean) == f"{prompts.load(flaw).id}, {prompts.load(clean).id}"


def test_a_slot_without_a_fact_is_an_error():
    verdict = prompts.load(TEMPLATES["verdict"])
    with pytest.raises(KeyError):
        verdict.fill({"intent": "x"})
    filled = verdict.fill({"intent": "an $extra ear", "part": "ear"})
    assert "an $extra ear" in filled and "${" not in filled


def test_text_outside_the_sections_are_an_error(tmp_path):
    path = tmp_path / "odd.md"
    path.write_text("---\nversion: 1\n---\nhello\n\n# system\na\n\n# user\nb\n")
    with pytest.raises(ValueError, match=r"odd\.md: text before the section"):
        prompts.load(path)


@pytest.mark.parametrize(
    "answer", [VocabularyAnswer, CaptionAnswer, VerdictAnswer, FlawAnswer, CleanAnswer]
)
def test_schemas_are_strict(answer):
    """Structured output needs all fields required, no others allowed, and no bounds."""
    schema = answer.model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
        for field in part["properties"].values():
            assert not field.keys() & {"minLength", "maxLength", "minItems", "maxItems", "default"}
