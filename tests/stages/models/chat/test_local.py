from dataclasses import replace

import numpy as np
import pytest
from tiny_internvl import save_tiny_internvl
from tiny_vlm import save_tiny_vlm

from stages.engine.workspace import FactoryError, Workspace
from stages.models.captioner.vlm.captioner import VlmCaptioner
from stages.models.chat import local, views
from stages.models.chat.ask import Unusable
from stages.models.chat.ledger import NAME, Ledger
from stages.models.chat.local_chat import LocalChat
from stages.models.chat.params import LocalChatOptions
from stages.models.chat.request import Example


@pytest.fixture(scope="module", params=[save_tiny_vlm, save_tiny_internvl])
def folder(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("models") / "tiny-vlm")


@pytest.fixture
def model(folder, make_ledger):
    return local.TransformersChat(str(folder), make_ledger(), dtype="float32", max_tokens=8)


@pytest.fixture
def chat_request(question, photo):
    return replace(question(1), images=(views.png(photo), views.png(photo[:60])))


def test_the_same_question_gets_the_same_answer(model, chat_request, make_ledger):
    first = model.complete(chat_request)
    assert model.complete(chat_request) == first and first.text
    assert first.output_tokens == 8 and first.cut_off
    (account,) = make_ledger().accounts()
    assert (account.model, account.sent, account.output_tokens) == ("tiny-vlm", 2, 16)
    assert account.input_tokens == 2 * first.input_tokens


def test_images_text_and_turns_all_reach_the_model(model, chat_request, photo):
    def sent(changed):
        return model.complete(changed).input_tokens

    base = sent(chat_request)
    assert sent(replace(chat_request, user="What is in photo 10?")) == base + 1
    image = base - sent(replace(chat_request, images=chat_request.images[:1]))
    assert image > 0
    assert sent(chat_request.follow_up("no", "again")) > base
    assert sent(replace(chat_request, schema={"type": "object"})) > base
    example = Example("What is in photo 2?", chat_request.images, "{}")
    assert sent(replace(chat_request, examples=(example,))) > base + image
    logits = []
    model._model.lm_head.register_forward_hook(lambda *seen: logits.append(seen[2]))
    black = (views.png(np.zeros_like(photo)), chat_request.images[1])
    for shown in (chat_request, replace(chat_request, images=black)):
        model.complete(shown)
    assert not logits[0].equal(logits[8])


def test_unusable_answers_are_kept_as_evidence(model, photo):
    with pytest.raises(Unusable) as caught:
        VlmCaptioner(model).caption(photo)
    assert caught.value.evidence["model"] == "tiny-vlm"
    assert len(caught.value.evidence["answers"]) == 2


def test_the_back_end_is_cached_and_free(folder, chat_request, tmp_path, monkeypatch, make_ledger):
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    options = LocalChatOptions(name=str(folder), dtype="float32", max_tokens=8)
    chat = LocalChat(options)
    assert chat.complete(chat_request) == chat.complete(chat_request)
    ledger = Ledger(Workspace(tmp_path).calls / NAME, make_ledger().settings)
    (account,) = ledger.accounts()
    assert (account.sent, account.kept, account.money, account.unpriced) == (1, 1, 0.0, 0)
    assert LocalChat(options) is chat


def test_revision_of_a_folder_and_of_a_hub_name(folder):
    revision = LocalChat.revision
    assert len(revision(LocalChatOptions(name=str(folder), dtype="float32"))) == 64
    hub_name = "Qwen/Qwen2.5-VL-7B-Instruct"
    assert revision(LocalChatOptions(name=hub_name, revision="0" * 40)) == (
        "Qwen/Qwen2.5-VL-7B-Instruct@" + "0" * 40
    )
    with pytest.raises(FactoryError, match="not pinned"):
        revision(LocalChatOptions(name=hub_name))


def test_a_folder_that_cannot_be_loaded_is_an_error(tmp_path, make_ledger):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FactoryError, match="cannot be loaded"):
        local.TransformersChat(str(tmp_path), make_ledger())
