"""Have a Prefect server call a webhook when a build fails."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from stages.engine.workspace import FactoryError

NAME = "flawfactory: a build failed"
_BLOCK = "flawfactory-build-failed"
_SECONDS_TO_ANSWER = 60.0  # a server that has just started on a busy machine
_TEXT = (
    '{"text": {{ ("flawfactory: build " ~ flow_run.name ~ ": " ~ flow_run.state.message)'
    " | tojson }}}"
)
"""Body of the request, in the form that Slack, Mattermost and many others take."""


def notify_of_failures(webhook: str) -> None:
    """Create the automation on the server that Prefect is configured for, or change its address.

    The server posts ``{"text": "flawfactory: build NAME: REASON"}`` when a build fails or its
    process dies. The address is stored as a secret of a Webhook block.

    Args:
        webhook: an http(s) URL.

    Raises:
        FactoryError: it is no such URL.
    """
    address = urlsplit(webhook)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise FactoryError("--notify: give an http(s) URL")  # may be a secret: not repeated
    from prefect import get_client
    from prefect.blocks.webhook import Webhook
    from prefect.events.actions import CallWebhook
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification
    from prefect.types import SecretDict
    from pydantic import SecretStr

    from flows.build import build

    headers = SecretDict({"Content-Type": "application/json"})
    block = Webhook(url=SecretStr(webhook), headers=headers).save(_BLOCK, overwrite=True)
    assert isinstance(block, UUID)  # noqa: S101 - outside an event loop it is no coroutine
    automation = AutomationCore(
        name=NAME,
        description="Set up by `flawfactory schedule --notify`.",
        trigger=EventTrigger(
            expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(
                {"prefect.resource.role": "flow", "prefect.resource.name": build.name}
            ),
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[CallWebhook(block_document_id=block, payload=_TEXT)],
    )
    with get_client(sync_client=True) as client:
        for existing in client.read_automations_by_name(NAME):
            client.update_automation(existing.id, automation)
            return
        client.create_automation(automation)


def forget_webhook(url: str) -> None:
    """Delete automation and address from a server without authentication.

    Asks by plain HTTP: Prefect's client would take a second and 100 MB for three requests.

    Args:
        url: of the server's API, on this machine.

    Raises:
        FactoryError: the server does not answer as it should.
    """
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=_SECONDS_TO_ANSWER) as client:
            for path, name in (("automations", NAME), ("block_documents", _BLOCK)):
                wanted = {path: {"name": {"any_": [name]}}}
                found = client.post(f"/{path}/filter", json=wanted).raise_for_status()
                for each in found.json():
                    client.delete(f"/{path}/{each['id']}").raise_for_status()
    except httpx.HTTPError as error:
        raise FactoryError(f"an earlier --notify cannot be undone on {url}: {error}") from error
