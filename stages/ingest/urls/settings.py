"""Section ``urls`` of factory.toml: from where lists of URLs may fetch, and how much."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from stages.engine.section import Section
from stages.engine.settings import load_section
from stages.engine.workspace import Workspace

AGENT = "flawfactory"
"""Name under which robots.txt and ``X-Robots-Tag`` address the factory."""
_HOST = re.compile(
    r"(\*\.)?([a-z0-9_-]+\.)*[a-z0-9_-]+(:[0-9]{1,5})?|\[[0-9a-f:.]+\](:[0-9]{1,5})?"
)


def _check_host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise PydanticCustomError(
            "host", "Input must be a host in lower case, such as example.org, *.example.org or "
            "localhost:8000",
        )  # fmt: skip
    return text


def _check_network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise PydanticCustomError(
            "network", "Input must be a network, such as 10.1.0.0/16 or 127.0.0.1/32"
        ) from error
    return text


class UrlSettings(Section):
    """What lists of URLs may fetch. Without `hosts` they are refused."""

    hosts: Annotated[tuple[Annotated[str, AfterValidator(_check_host)], ...],
                     Field(strict=False)] = ()  # fmt: skip
    """Hosts from which may be fetched. ``*.example.org`` stands for all hosts below example.org;
    a host without a port stands for the ports 80 (http) and 443 (https)."""
    private_networks: Annotated[tuple[Annotated[str, AfterValidator(_check_network)], ...],
                                Field(strict=False)] = ()  # fmt: skip
    """Networks that are not public and may be fetched from all the same, such as one's own."""
    max_bytes: int = Field(default=64 << 20, ge=1, le=1 << 30)
    """Maximum size of one file."""
    max_total_bytes: int = Field(default=100 << 30, ge=1, le=1 << 50)
    """Maximum number of bytes that one scan fetches."""
    timeout_seconds: float = Field(default=120.0, gt=0, le=3600)
    """Maximum time for one request, from the connection to the last byte."""
    redirects: int = Field(default=5, ge=0, le=20)
    """Maximum number of redirects of one URL."""
    attempts: int = Field(default=3, ge=1, le=20)
    """Requests for one URL if the network or the server fails in a way that may pass."""
    delay_seconds: float = Field(default=0.5, ge=0, le=3600)
    """Minimum time between the starts of two requests to one host."""
    concurrency: int = Field(default=8, ge=1, le=256)
    """Number of hosts that are fetched from at a time."""
    contact: str = Field(default="", max_length=200, pattern=r"^[\x21-\x7e]*$")
    """Address or page that is sent with each request, for the people who run the servers."""


def load_url_settings(workspace: Workspace) -> UrlSettings:
    """Read and check section ``urls`` of a checkout's factory.toml.

    Raises:
        FactoryError: a key, value or the syntax is wrong, or the file cannot be read.
    """
    return load_section(workspace, UrlSettings, "urls")
