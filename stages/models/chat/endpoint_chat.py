"""Back end ``openai`` of the role chat: an endpoint behind the cache."""

from __future__ import annotations

from typing import Any

from stages.engine.workspace import Workspace
from stages.models.chat.cache import add_cache
from stages.models.chat.ledger import NAME, Ledger
from stages.models.chat.params import EndpointOptions
from stages.models.chat.settings import load_call_settings


class EndpointChat:
    """Creates an ``endpoint.OpenAIChat`` with the limits of factory.toml."""

    free = False

    def __new__(cls, options: EndpointOptions) -> Any:
        """Create the model at the endpoint.

        Raises:
            FactoryError: factory.toml is wrong, or the key is not in the environment.
        """
        from stages.models.chat.endpoint import OpenAIChat

        workspace = Workspace.find()
        ledger = Ledger(workspace.calls / NAME, load_call_settings(workspace))
        chat = OpenAIChat(
            options.name,
            options.base_url,
            ledger,
            options.key,
            options.structured,
            options.parameters,
        )
        return add_cache(chat, ledger, workspace)

    @classmethod
    def revision(cls, options: EndpointOptions) -> str:
        """Return the model's name; the endpoint decides what is behind it."""
        return options.name

    @classmethod
    def ledger_name(cls, options: EndpointOptions) -> str:
        """Return the model's name in the ledger."""
        return options.name
