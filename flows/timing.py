"""Validate when scheduled builds run and compute the next runs, with Prefect's own schedules."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict

from stages.engine.workspace import FactoryError

if TYPE_CHECKING:
    from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule


class Timing(BaseModel):
    """A cron expression in a time zone, or an interval in minutes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    cron: str | None = None
    every_minutes: float | None = None
    timezone: str = "UTC"
    """IANA name, such as Europe/Berlin."""

    def next_runs(self, count: int = 3, start: datetime | None = None) -> list[datetime]:
        """Compute the next times at which a build is due.

        Args:
            count: how many.
            start: the time from which on; default: now.

        Raises:
            FactoryError: the cron expression, time zone or interval is invalid.
        """
        if self.timezone not in available_timezones():
            raise FactoryError(
                f"--timezone {self.timezone!r} is unknown; give a name such as Europe/Berlin"
            )
        if self.every_minutes is not None and self.every_minutes <= 0:
            raise FactoryError(f"--every {self.every_minutes:g}: give a minute or more")
        try:
            return list(asyncio.run(self._schedule().get_dates(count, start)))
        except Exception as error:  # several libraries raise here
            if self.cron is None:
                raise FactoryError(f"--every {self.every_minutes:g}: give fewer minutes") from error
            raise FactoryError(
                f"--cron {self.cron!r} is not a cron expression, or never due; give minute, hour, "
                'day, month and weekday, for example --cron "0 3 * * *"'
            ) from error

    def _schedule(self) -> CronSchedule | IntervalSchedule:
        from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule

        if self.cron is None:
            interval = timedelta(minutes=self.every_minutes or 0)
            return IntervalSchedule(interval=interval, timezone=self.timezone)
        return CronSchedule(cron=self.cron, timezone=self.timezone)


def local_timezone() -> str:
    """Return the name of the machine's time zone.

    Raises:
        FactoryError: the time zone cannot be determined.
    """
    import tzlocal

    try:
        return tzlocal.get_localzone_name()
    except Exception as error:  # several libraries raise here
        raise FactoryError(
            f"this machine's time zone cannot be determined ({error}); give --timezone"
        ) from error
