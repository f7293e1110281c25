from stages.models import registry


def test_questions_are_those_of_a_role_and_of_what_it_needs():
    assert registry.questions("perceiver", "flux") == {"vocabulary": "photo"}
    assert registry.questions("captioner", "flux") == {"caption": "photo"}
    assert registry.questions("judge", "flux") == {"verdict": "variant"}
    assert registry.questions("explainer", "flux") == {
        "flaw": "variant",
        "picture": "picture",
        "clean": "photo",
    }
    assert not any(registry.questions(role, "compact") for role in registry.roles("compact"))


def test_the_ledger_knows_the_chat_model_by_its_name():
    found = registry.ledger_model("flux")
    assert (found.name, found.free) == ("Qwen/Qwen2.5-VL-7B-Instruct", False)
