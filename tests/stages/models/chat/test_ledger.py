import subprocess
import sys

import pytest

from stages.engine.workspace import CURRENT_STAGE, FactoryError
from stages.models.chat.ledger import Averages, Call, Ledger
from stages.models.chat.limits import BudgetReached

CALL = Call("verdict", "test-model", estimate=1000, ceiling=100)
MAX_COST = 0.02
"""Cost of CALL: 1,000 tokens at 10 per million and 100 at 100 per million."""


def send(ledger, call=CALL):
    number, delay = ledger.open(call)
    assert number is not None and delay == 0
    return number


def test_accounts_sum_calls_and_costs(make_ledger, monkeypatch, clock):
    ledger = make_ledger()
    monkeypatch.setenv(CURRENT_STAGE, "filter")
    ledger.record_answer(send(ledger), 500, 50)
    ledger.record_refusal(send(ledger))
    ledger.record_loss(send(ledger))
    ledger.record_hit("verdict", "test-model")
    clock.sleep(100)
    monkeypatch.delenv(CURRENT_STAGE)
    ledger.record_answer(send(ledger), 1, 1)
    first, second = ledger.accounts()
    assert (first.stage, first.purpose, first.model) == ("filter", "verdict", "test-model")
    assert (first.sent, first.kept, first.refused, first.lost) == (3, 1, 1, 1)
    assert (first.input_tokens, first.output_tokens, first.unpriced) == (500, 50, 0)
    assert first.money == pytest.approx(0.01 + MAX_COST)
    assert second.stage == "try"
    assert ledger.accounts(since=clock()) == [second]


def test_waiting_in_line_is_not_counted_as_the_photos_time(make_ledger, monkeypatch):
    ledger, restarts = make_ledger(requests_per_minute=1), []
    monkeypatch.setattr("stages.models.chat.ledger.restart_time", lambda: restarts.append(1))
    send(ledger)
    assert ledger.open(CALL)[0] is None
    assert len(restarts) == 2


def test_calls_with_an_unknown_price_are_counted_separately(make_ledger):
    ledger = make_ledger(prices={})
    ledger.record_answer(send(ledger), 500, 50)
    (account,) = ledger.accounts()
    assert (account.unpriced, account.money) == (1, 0.0)


def test_without_token_counts_a_call_keeps_its_maximum_cost(make_ledger):
    ledger = make_ledger()
    ledger.record_answer(send(ledger), None, None)
    (account,) = ledger.accounts()
    assert account.money == pytest.approx(MAX_COST) and account.input_tokens == 0


def test_the_budget_is_not_exceeded(make_ledger):
    ledger = make_ledger(budget=2.5 * MAX_COST)
    first, second = send(ledger), send(ledger)
    assert ledger.open(CALL)[0] is None  # the open calls could use it up
    ledger.record_answer(first, 1000, 100)
    ledger.record_answer(second, 1000, 100)
    with pytest.raises(BudgetReached):
        ledger.open(CALL)
    assert sum(account.money for account in ledger.accounts()) <= 2.5 * MAX_COST


def test_calls_before_budget_days_do_not_count(make_ledger, clock):
    ledger = make_ledger(budget=1.5 * MAX_COST, budget_days=30)
    ledger.record_answer(send(ledger), 1000, 100)
    clock.sleep(29 * 86_400)
    with pytest.raises(BudgetReached):
        ledger.open(CALL)
    clock.sleep(2 * 86_400)
    ledger.record_answer(send(ledger), 1000, 100)
    assert sum(account.money for account in ledger.accounts()) == pytest.approx(2 * MAX_COST)


def test_averages_are_over_answered_calls_of_a_purpose_and_model(make_ledger):
    ledger = make_ledger()
    assert ledger.averages("verdict", "test-model") is None
    ledger.record_loss(send(ledger))
    ledger.record_hit("verdict", "test-model")
    assert ledger.averages("verdict", "test-model") is None
    for sent, returned in ((500, 50), (1500, 150), (None, None)):
        ledger.record_answer(send(ledger), sent, returned)
    ledger.record_answer(send(ledger, Call("caption", "test-model", 1, 1)), 9, 9)
    assert ledger.averages("verdict", "test-model") == Averages(1000, 100, 0)
    assert ledger.averages("verdict", "another") is None


def test_averages_count_the_pictures_of_examples(make_ledger):
    ledger = make_ledger()
    for pictures in (6, 0):
        call = Call("verdict", "test-model", 1000, 100, pictures)
        ledger.record_answer(send(ledger, call), 500, 50)
    assert ledger.averages("verdict", "test-model") == Averages(500, 50, 3)


def test_a_ledger_of_an_earlier_version_is_continued(make_ledger):
    ledger = make_ledger()
    ledger.record_answer(send(ledger), 500, 50)
    for column in ("example_pictures", "process"):
        ledger._db.execute(f"ALTER TABLE calls DROP COLUMN {column}")
    ledger._db.close()
    again = make_ledger()
    again.record_answer(send(again, Call("verdict", "test-model", 1000, 100, 6)), 1500, 150)
    assert again.averages("verdict", "test-model") == Averages(1000, 100, 3)


def test_a_read_only_ledger_of_an_earlier_version_is_read(make_ledger, monkeypatch):
    ledger = make_ledger()
    ledger.record_answer(send(ledger), 500, 50)
    ledger._db.execute("ALTER TABLE calls DROP COLUMN example_pictures")
    ledger._db.close()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert make_ledger().averages("verdict", "test-model") == Averages(500, 50, 0)


def test_an_answer_that_cost_less_frees_budget(make_ledger):
    ledger = make_ledger(budget=2.5 * MAX_COST)
    numbers = [send(ledger), send(ledger)]
    for number in numbers:
        ledger.record_answer(number, 10, 1)
    send(ledger)


def test_estimates_are_scaled_by_the_largest_measured_ratio(make_ledger):
    ledger = make_ledger(budget=1.0)
    ledger.record_answer(send(ledger), 20_000, 100)  # 20 times the estimate: 0.21 instead of 0.02
    for _ in range(3):
        ledger.record_answer(send(ledger), 20_000, 100)
    with pytest.raises(BudgetReached, match=r"may cost 0\.21"):
        ledger.open(CALL)


def test_open_calls_of_a_process_that_died_are_marked_lost(make_ledger):
    ledger = make_ledger(concurrency=1)
    script = (
        "import os, sys; from pathlib import Path\n"
        "from stages.models.chat.settings import CallSettings, Price\n"
        "from stages.models.chat.ledger import Call, Ledger\n"
        "settings = CallSettings(prices={'test-model': Price(input=10, output=100)})\n"
        "Ledger(Path(sys.argv[1]), settings).open(Call('verdict', 'test-model', 1000, 100))\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(ledger.path)], check=False)
    send(ledger)
    account = ledger.accounts()[0]
    assert (account.sent, account.lost) == (2, 2)  # the second is still open
    assert account.money == pytest.approx(2 * MAX_COST)


def test_an_open_call_of_an_earlier_process_with_this_ones_number_is_lost(make_ledger):
    """A container that is started again gives its processes the numbers that they had before."""
    ledger = make_ledger(concurrency=1)
    send(ledger)
    assert ledger.open(CALL)[0] is None
    ledger._db.execute("UPDATE calls SET process = 'another boot ' || pid || ' 1'")
    send(ledger)
    assert ledger.accounts()[0].lost == 2  # the second is still open


def test_an_open_call_without_the_processs_identity_is_lost_when_no_process_has_its_number(
    make_ledger,
):
    ledger = make_ledger(concurrency=1)
    send(ledger)
    ledger._db.execute("UPDATE calls SET process = ''")  # written by an earlier version
    assert ledger.open(CALL)[0] is None
    ledger._db.execute("UPDATE calls SET pid = 999999999")
    send(ledger)


def test_a_clock_that_was_set_back_delays_no_call(make_ledger, clock):
    ledger = make_ledger(requests_per_minute=1)
    ledger.record_answer(send(ledger), 500, 50)
    clock.sleep(-3600)
    send(ledger)


def test_a_damaged_ledger_is_an_error_that_names_it(make_ledger, tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(FactoryError, match=r"ledger.sqlite cannot be used"):
        make_ledger()


def test_a_ledger_in_a_read_only_folder_can_be_read(make_ledger, monkeypatch):
    ledger = make_ledger()
    ledger.record_answer(send(ledger), 500, 50)
    ledger._db.close()  # writes the log into the file
    before = {path.name for path in ledger.path.parent.iterdir()}
    monkeypatch.setattr("stages.models.chat.ledger.os.access", lambda *_: False)
    (account,) = Ledger(ledger.path, ledger.settings).accounts()
    assert (account.sent, account.input_tokens) == (1, 500)
    assert {path.name for path in ledger.path.parent.iterdir()} == before
