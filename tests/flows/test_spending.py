import io

import pytest
from rich.console import Console

from flows import spending
from stages.engine.workspace import CURRENT_STAGE, Workspace
from stages.models.chat.ledger import NAME, Call, Ledger
from stages.models.chat.settings import CallSettings, Price

PRICES = {"dear": Price(input=10, output=100)}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def priced_calls(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Two calls of filter with a price at 100 s, one of explain without a price at 200 s."""
    clock = Clock()
    ledger = Ledger(workspace.calls / NAME, CallSettings(prices=PRICES), clock)
    for stage, model in (("filter", "dear"), ("filter", "dear"), ("explain", "free?")):
        monkeypatch.setenv(CURRENT_STAGE, stage)
        clock.now = 200.0 if stage == "explain" else 100.0
        number, _ = ledger.open(Call("verdict", model, 1000, 100))
        assert number is not None
        ledger.record_answer(number, 1000, 100)
    (workspace.root / "factory.toml").write_text("[calls]\nbudget = 5\n")
    return workspace


def test_without_calls_there_are_no_accounts_and_no_ledger(workspace: Workspace) -> None:
    assert spending.read_accounts(workspace) == []
    assert spending.spending_table(workspace, 0.0) is None
    assert not workspace.calls.exists()


def test_calls_of_unknown_price_are_counted_apart(priced_calls: Workspace) -> None:
    found = spending.account_rows(spending.read_accounts(priced_calls))
    assert [(row["stage"], row["sent"], row["money"]) for row in found] == [
        ("filter", 2, "0.0400"),
        ("explain", 1, "1 of unknown price"),
    ]
    assert spending.describe_total(priced_calls) == (
        "spent in all builds: 0.0400 and 1 of unknown price; the budget is 5"
    )


def test_a_budget_for_some_days_shows_what_counts_against_it(priced_calls: Workspace) -> None:
    (priced_calls.root / "factory.toml").write_text("[calls]\nbudget = 5\nbudget_days = 30\n")
    assert spending.describe_total(priced_calls) == (  # the calls are of 1970
        "spent in all builds: 0.0400 and 1 of unknown price; "
        "the budget is 5 for 30 days, of which 0.0000 are spent"
    )


def test_a_build_shows_its_calls_and_the_total(priced_calls: Workspace) -> None:
    assert [a.stage for a in spending.read_accounts(priced_calls, since=150.0)] == ["explain"]
    assert [a.stage for a in spending.read_accounts(priced_calls, stage="filter")] == ["filter"]
    console = Console(width=200, record=True, file=io.StringIO())
    table = spending.spending_table(priced_calls, since=150.0)
    assert table is not None
    console.print(table)
    text = console.export_text()
    assert "explain" in text and "filter" not in text and "the budget is 5" in text
