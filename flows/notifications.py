"""Have a Prefect server call a webhook when a build fails."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from stages.engine.workspace import FactoryError

NAME = "flawfactory: a build failed"
_BLOCK = "flawfactory-build-failed"
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
    from prefect.automations import Automation
    from prefect.blocks.webhook import Webhook
    from prefect.events.actions import CallWebhook
    from prefect.events.schemas.automations import EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification
    from prefect.types import SecretDict
    from pydantic import SecretStr

    from flows.build import build

    headers = SecretDict({"Content-Type": "application/json"})
    block = Webhook(url=SecretStr(webhook), headers=headers).save(_BLOCK, overwrite=True)
    flow = {"prefect.resource.role": "flow", "prefect.resource.name": build.name}
    automation = Automation(
        name=NAME,
        description="Set up by `flawfactory schedule --notify`.",
        trigger=EventTrigger(
            expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(flow),
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[CallWebhook(block_document_id=block, payload=_TEXT)],
    )
    try:
        existing = Automation.read(name=NAME)
    except ValueError:
        automation.create()
    else:
        automation.id = existing.id
        automation.update()
