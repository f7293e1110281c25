from datetime import UTC, datetime, timedelta

import pytest
import tzlocal

from flows.timing import Timing, local_timezone
from stages.engine.workspace import FactoryError


def test_cron_runs_in_its_time_zone() -> None:
    runs = Timing(cron="0 3 * * *", timezone="Asia/Kolkata").next_runs()
    assert len(runs) == 3
    assert {(run.hour, run.minute, run.utcoffset()) for run in runs} == {
        (3, 0, timedelta(hours=5, minutes=30))
    }


@pytest.mark.parametrize(
    ("eve", "hours_to_utc"),
    [
        (datetime(2026, 3, 27, 12, tzinfo=UTC), (1, 2)),
        (datetime(2026, 10, 23, 12, tzinfo=UTC), (2, 1)),
    ],
)
def test_a_build_at_three_is_at_three_before_and_after_the_clocks_change(
    eve: datetime, hours_to_utc: tuple[int, int]
) -> None:
    runs = Timing(cron="0 3 * * *", timezone="Europe/Berlin").next_runs(3, start=eve)
    days = [(run.day, run.hour, run.minute) for run in runs]
    assert days == [(eve.day + n, 3, 0) for n in (1, 2, 3)]  # the clocks change on the second
    offsets = [run.utcoffset() for run in runs]
    before, after = (timedelta(hours=hours) for hours in hours_to_utc)
    assert offsets == [before, after, after]


@pytest.mark.parametrize(
    "eve", [datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)]
)
def test_a_build_at_an_hour_that_is_missing_or_twice_there_runs_once_that_day(
    eve: datetime,
) -> None:
    runs = Timing(cron="30 2 * * *", timezone="Europe/Berlin").next_runs(4, start=eve)
    assert [run.day for run in runs] == [eve.day + n for n in range(4)]


def test_runs_follow_the_interval() -> None:
    first, second, _ = Timing(every_minutes=5).next_runs()
    assert second - first == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cron": "bad cron"}, "--cron 'bad cron' is not a cron expression"),
        ({"cron": ""}, "--cron '' is not a cron expression"),
        ({"cron": "0 3 31 2 *"}, "or never due"),
        ({"cron": "0 3 * * *", "timezone": "Mars/Base"}, "--timezone 'Mars/Base' is unknown"),
        ({"every_minutes": 0}, "--every 0: give a minute or more"),
        ({"every_minutes": -3}, "--every -3: give a minute or more"),
        ({"every_minutes": 1e11}, "give fewer minutes"),
    ],
)
def test_an_invalid_timing_is_a_one_line_error(values: dict, words: str) -> None:
    with pytest.raises(FactoryError) as error:
        Timing(**values).next_runs()
    assert words in str(error.value) and "\n" not in str(error.value)


def test_the_local_time_zone_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tzlocal, "get_localzone_name", lambda: "Europe/Berlin")
    assert local_timezone() == "Europe/Berlin"

    def unknown() -> str:
        raise ValueError("conflicting configurations")

    monkeypatch.setattr(tzlocal, "get_localzone_name", unknown)
    with pytest.raises(FactoryError, match="give --timezone"):
        local_timezone()
