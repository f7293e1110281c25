"""Find the configured Prefect server and check that it answers."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stages.engine.workspace import FactoryError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_SECONDS_TO_ANSWER = 5.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def configured_url() -> str | None:
    """Return PREFECT_API_URL from the environment or the user's Prefect profile; None if unset.

    Raises:
        FactoryError: Prefect cannot read its settings.
    """
    if (url := os.environ.get("PREFECT_API_URL")) is not None:
        return url.strip() or None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # for example of a home that is not writable
            from prefect.settings import PREFECT_API_URL

            return PREFECT_API_URL.value() or None
    except Exception as error:  # the type depends on what its files contain
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FactoryError(
            f"Prefect cannot read its settings ({first}); fix them, or build without Prefect: "
            "PREFECT_API_URL= flawfactory build"
        ) from error


def reach_loopback_past_proxies() -> None:
    """Exempt this machine from proxies, for this process and its children."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        missing = [host for host in LOOPBACK if host not in hosts]
        os.environ[name] = ",".join([*hosts, *missing])


def require_reachable(url: str) -> None:
    """Ask the server once for its health and its version.

    Raises:
        FactoryError: it does not answer, is not a Prefect server, or is of another major version,
            whose interface differs.
    """
    if error := _health_error(url):
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FactoryError(
            f"no Prefect server answers at PREFECT_API_URL={url} ({cause}); start it "
            "(`prefect server start`), or build without one: PREFECT_API_URL= flawfactory build"
        )

    from prefect import __version__ as own

    try:
        with client_without_retries(url) as client:
            found = client.api_version()
    except Exception:  # it does not say: Prefect's client will
        return
    if str(found).partition(".")[0] != own.partition(".")[0]:
        raise FactoryError(
            f"the Prefect server at PREFECT_API_URL={url} has version {found}, this environment "
            f"{own}, and the major versions have to be the same: upgrade one of them, or build "
            "without a server: PREFECT_API_URL= flawfactory build"
        )


def is_reachable(url: str) -> bool:
    """Whether the server answers."""
    return _health_error(url) is None


def _health_error(url: str) -> Exception | None:
    with client_without_retries(url) as client:
        return client.api_healthcheck()


@contextmanager
def client_without_retries(url: str) -> Iterator[SyncPrefectClient]:
    """Open a client that gives up soon, unlike Prefect's own, which tries for minutes."""
    from prefect import get_client
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    timeout = {"timeout": _SECONDS_TO_ANSWER}
    with (
        temporary_settings({PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(httpx_settings=timeout, sync_client=True) as client,
    ):
        yield client
