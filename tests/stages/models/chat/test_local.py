from dataclasses import replace

import numpy as np
import pytest
from tiny_internvl import save_tiny_internvl
from tiny_vlm import save_tiny_vlm

from stages.engine.workspace import FactoryError, Workspace
from stages.models import registry
from stages.models.captioner.vlm import VlmCaptioner
from stages.models.chat import backends, local, views
from stages.models.chat.ask import Unusable
from stages.models.chat.ledger import NAME, Ledger


@pytest.fixture(scope="module", params=[save_tiny_vlm, save_tiny_internvl])
def folder(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("models") / "tiny-vlm")


@pytest.fixture
def model(folder, make_ledger):
    return local.TransformersChat(str(folder), make_ledger(), dtype="float32", max_tokens=8)


@pytest.fixture
def asked(question, photo):
    return replace(question(1), images=(views.png(photo), views.png(photo[:60])))


def test_the_same_question_gets_the_same_answer(model, asked, make_ledger):
    first = model.complete(asked)
    assert model.complete(asked) == first and first.text
    assert first.output_tokens == 8 and first.cut_off
    (account,) = make_ledger().accounts()
    assert (account.model, account.sent, account.output_tokens) == ("tiny-vlm", 2, 16)
    assert account.input_tokens == 2 * first.input_tokens


def test_pictures_words_and_turns_all_reach_the_model(model, asked, photo):
    def sent(request):
        return model.complete(request).input_tokens

    base = sent(asked)
    assert sent(replace(asked, user="What is in photo 10?")) == base + 1
    assert sent(replace(asked, images=asked.images[:1])) < base
    assert sent(asked.after("no", "again")) > base
    assert sent(replace(asked, schema={"type": "object"})) > base
    logits = []
    model._model.lm_head.register_forward_hook(lambda *seen: logits.append(seen[2]))
    black = (views.png(np.zeros_like(photo)), asked.images[1])
    for request in (asked, replace(asked, images=black)):
        model.complete(request)
    assert not logits[0].equal(logits[8])


def test_a_random_model_gives_no_usable_answer_and_that_is_kept(model, photo):
    with pytest.raises(Unusable) as caught:
        VlmCaptioner(model).caption(photo)
    assert caught.value.evidence["model"] == "tiny-vlm"
    assert len(caught.value.evidence["answers"]) == 2


def test_a_profile_gets_it_behind_the_cache_for_no_money(
    folder, asked, tmp_path, monkeypatch, make_ledger
):
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    chat = backends.LocalChat(str(folder), dtype="float32", max_tokens=8)
    assert chat.complete(asked) == chat.complete(asked)
    ledger = Ledger(Workspace(tmp_path).calls / NAME, make_ledger().settings)
    (account,) = ledger.accounts()
    assert (account.sent, account.kept, account.money, account.unpriced) == (1, 1, 0.0, 0)
    assert backends.LocalChat(str(folder), dtype="float32", max_tokens=8) is chat


def test_a_folder_is_known_by_its_weights_and_a_hub_name_by_its_commit(folder):
    backend = registry._load(registry.BACKENDS["chat"]["transformers"])
    assert len(backend.revision(str(folder), dtype="float32")) == 64
    assert backend.revision("Qwen/Qwen2.5-VL-7B-Instruct", "0" * 40) == (
        "Qwen/Qwen2.5-VL-7B-Instruct@" + "0" * 40
    )
    with pytest.raises(FactoryError, match="not pinned"):
        backend.revision("Qwen/Qwen2.5-VL-7B-Instruct")


def test_what_cannot_be_loaded_says_so(tmp_path, make_ledger):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FactoryError, match="cannot be loaded"):
        local.TransformersChat(str(tmp_path), make_ledger())
