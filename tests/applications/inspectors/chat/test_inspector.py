import json

import numpy as np
import pytest
from chat_server import ChatServer

from applications.inspectors import load_inspector
from stages.models.chat.ask import Unusable
from stages.models.chat.ledger import NAME, Ledger
from stages.models.chat.limits import BudgetReached
from stages.models.chat.settings import CallSettings

PICTURE = np.zeros((100, 200, 3), np.uint8)
FLAW = {
    "label": "extra thumb",
    "kind": "add",
    "box": [100, 200, 500, 1000],
    "certainty": 70,
    "explanation": "The hand has two\n thumbs.",
}
ANSWER = {"flaws": [FLAW], "explanation": "The hand is wrong.", "probability": 90}


@pytest.fixture
def server():
    with ChatServer(lambda request: json.dumps(ANSWER)) as running:
        yield running


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def inspector(server, root):
    params = root / "params.yaml"
    model = {"backend": "openai", "name": "m", "base_url": server.url}
    params.write_text(json.dumps({"inspectors": {"chat": {"model": model, "side": 100}}}))
    return load_inspector("chat", params)


def test_shares_become_pixels(inspector):
    found = inspector.inspect(PICTURE)
    [region] = found.regions
    assert found.probability == 0.9
    assert found.text == "The hand is wrong."
    assert region.box == (20, 20, 100, 100)
    assert (region.score, region.tool) == (0.7, "add")
    assert region.text == "extra thumb: The hand has two thumbs."


def test_the_row_of_the_table_is_the_model(inspector):
    assert inspector.name == "m"


def test_the_picture_is_scaled_down(inspector, server):
    inspector.inspect(PICTURE)
    assert server.requests[0].images[0].size == (100, 50)


def test_the_same_picture_is_asked_about_once(inspector, server, root):
    assert inspector.inspect(PICTURE) == inspector.inspect(PICTURE)
    assert server.count == 1
    [account] = Ledger(root / "data" / ".calls" / NAME, CallSettings()).accounts()
    assert (account.purpose, account.sent, account.kept) == ("inspect", 1, 1)


def test_prose_is_no_finding(inspector, server):
    server.answer = lambda request: "There is a second thumb on the left hand."
    with pytest.raises(Unusable, match="no JSON object"):
        inspector.inspect(PICTURE)
    assert server.count == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"probability": 101}, "`probability` must be"),
        ({"flaws": [FLAW | {"box": [500, 0, 100, 10]}]}, "`box` of flaw 1"),
        ({"flaws": [FLAW | {"box": [0, 0, 10]}]}, "`box` of flaw 1"),
        ({"flaws": [FLAW | {"box": [0, 0, 10, 1001]}]}, "`box` of flaw 1"),
        ({"flaws": [FLAW, FLAW | {"certainty": -1}]}, "`certainty` of flaw 2"),
    ],
)
def test_an_answer_out_of_range_is_asked_for_again(inspector, server, change, complaint):
    server.respond_next(content=json.dumps(ANSWER | change))
    assert inspector.inspect(PICTURE).probability == 0.9
    assert complaint in server.requests[1].texts[-1]


def test_the_budget_ends_it(inspector, server, root):
    (root / "factory.toml").write_text(
        "[calls]\nbudget = 0.0001\n[calls.prices]\nm = {input = 10, output = 100}\n"
    )
    with pytest.raises(BudgetReached):
        load_inspector("chat", root / "params.yaml").inspect(PICTURE)
    assert server.count == 0
