"""A stage that uses an endpoint, run by the engine: budget, replay, keys."""

import json
import os
import shutil

import pytest
from toy.ask.stage import AskStage
from toy.factory import ToyFactory, line
from toy.source.stage import SourceStage

from stages.engine.workspace import CURRENT_PHOTO, FactoryError
from stages.models.chat.ledger import NAME, Ledger
from stages.models.chat.limits import BudgetReached

KEY = "sk-planted-9876543210"
PHOTOS = 24


def settings(factory, kind="inline", **calls):
    lines = [f"{name} = {value}" for name, value in calls.items()]
    prices = '[calls.prices]\n"m" = {input = 10, output = 100}\n'
    executor = f'[executor]\nkind = "{kind}"\nworkers = 2\n'
    text = f"{executor}[calls]\n" + "\n".join(lines) + f"\n{prices}"
    (factory.root / "factory.toml").write_text(text)


@pytest.fixture
def factory(tmp_path, server, monkeypatch):
    monkeypatch.setenv("TOY_KEY", KEY)
    made = ToyFactory(tmp_path / "workspace")
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(made.root))
    made.save(ask={"url": server.url})
    made.sources(*(line(f"photo {n}") for n in range(PHOTOS)))
    settings(made)
    made.fill(SourceStage)
    return made


def stored(factory):
    units = factory.units(AskStage)
    return sum(factory.store.has(unit.store_key) for unit in units)


def accounts(factory):
    from stages.models.chat.settings import CallSettings

    return Ledger(factory.workspace.calls / NAME, CallSettings()).accounts()


def test_the_budget_ends_a_stage_and_keeps_its_results(factory, server):
    settings(factory, budget=0.15)
    with pytest.raises(BudgetReached, match=r"the budget of 0\.15 is reached"):
        factory.compute(AskStage)
    sent = server.count
    assert 0 < sent < PHOTOS and stored(factory) == sent
    assert sum(account.money for account in accounts(factory)) <= 0.15
    settings(factory, budget=1)
    assert len(factory.compute(AskStage)) == PHOTOS - sent
    assert server.count == PHOTOS == stored(factory)


def test_workers_share_budget_ledger_and_cache(factory, server):
    settings(factory, "processes", budget=0.15)
    with pytest.raises(FactoryError, match=r"the budget of 0\.15 is reached"):
        factory.compute(AskStage)
    assert 0 < server.count < PHOTOS and stored(factory) == server.count
    (account,) = accounts(factory)
    assert (account.stage, account.sent, account.lost) == ("ask", server.count, 0)
    assert account.money <= 0.15


def test_a_replay_sends_nothing(factory, server):
    rows = list(factory.fill(AskStage).rows)
    shutil.rmtree(factory.root / "data" / ".store")
    factory.fill(SourceStage)
    assert list(factory.fill(AskStage).rows) == rows
    assert server.count == PHOTOS
    (account,) = accounts(factory)
    assert (account.sent, account.kept) == (PHOTOS, PHOTOS)


def test_an_answer_names_its_photo(factory):
    rows = factory.fill(AskStage).rows
    answers = (factory.workspace.calls / "answers").glob("??/*.json")
    photos = [json.loads(path.read_bytes())["photo"] for path in answers]
    assert sorted(photos) == sorted(row["key"] for row in rows)
    assert CURRENT_PHOTO not in os.environ


def test_a_photo_without_an_answer_is_retried_in_the_next_build(factory, server):
    settings(factory, attempts=1)
    server.respond_next(status=500, content=f"you sent {KEY}")
    out = factory.fill(AskStage)
    assert [reject.code for reject in out.rejects] == ["model_unavailable"]
    assert stored(factory) == PHOTOS - 1
    assert list(factory.fill(AskStage).rejects) == []
    assert server.count == PHOTOS + 1


def test_no_file_of_a_build_holds_the_key(factory, server, capfd):
    settings(factory, attempts=1)
    echo = f"you sent {KEY}"
    for act in ({"status": 500}, {"status": 400}, {}, {"refusal": echo}):
        server.respond_next(**{"content": echo, **act})
    server.respond_next(content=echo)
    server.respond_next(content=echo)
    out = factory.fill(AskStage)
    assert len(out.rejects) >= 3
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    files = [path for path in factory.root.rglob("*") if path.is_file()]
    assert any("ledger.sqlite" in path.name for path in files)
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    printed = capfd.readouterr()
    assert KEY not in printed.out + printed.err + repr(out.rejects)
