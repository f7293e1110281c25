"""Which Prefect server builds are shown in, and whether it answers."""

from __future__ import annotations

import os
import warnings

from stages.engine.workspace import FactoryError

_SECONDS_TO_ANSWER = 5.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def configured_url() -> str | None:
    """PREFECT_API_URL from the environment or the person's Prefect profile; None without one.

    Raises:
        FactoryError: Prefect cannot read its settings.
    """
    if (url := os.environ.get("PREFECT_API_URL")) is not None:
        return url.strip() or None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a home that cannot be written is no concern here
            from prefect.settings import PREFECT_API_URL

            return PREFECT_API_URL.value() or None
    except Exception as error:  # whatever its files hold
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FactoryError(
            f"Prefect cannot read its settings ({first}); mend them, or build without Prefect: "
            "PREFECT_API_URL= flawfactory build"
        ) from error


def reach_loopback_past_proxies() -> None:
    """Let this process and its children speak to this machine without a proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        missing = [host for host in LOOPBACK if host not in hosts]
        os.environ[name] = ",".join([*hosts, *missing])


def require_answer(url: str) -> None:
    """Ask the server once.

    Raises:
        FactoryError: it does not answer, or not as a Prefect server would.
    """
    if error := _failure(url):
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FactoryError(
            f"no Prefect server answers at PREFECT_API_URL={url} ({cause}); start it "
            "(`prefect server start`), or build without one: PREFECT_API_URL= flawfactory build"
        )


def answers(url: str) -> bool:
    """Whether the server answers."""
    return _failure(url) is None


def _failure(url: str) -> Exception | None:
    from prefect import get_client
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    timeout = {"timeout": _SECONDS_TO_ANSWER}
    with (
        temporary_settings({PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(httpx_settings=timeout, sync_client=True) as client,
    ):
        return client.api_healthcheck()
