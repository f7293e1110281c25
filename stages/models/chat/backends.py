"""Back ends of the role `chat`: chat models behind the cache, with the checkout's ledger."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from stages.engine.workspace import Workspace
from stages.models.chat.cache import AnswerCache, CachedChat
from stages.models.chat.ledger import NAME, Ledger
from stages.models.chat.request import ChatModel
from stages.models.chat.settings import CallSettings, Price, load_call_settings
from stages.models.weights import hub

_UNBOUNDED = 1_000_000
"""Limit on open requests; a local model handles one at a time anyway."""
_FREE = Price(input=0, output=0)


def add_cache(inner: ChatModel, ledger: Ledger, workspace: Workspace) -> CachedChat:
    """Put `inner` behind the workspace's cache; hits are recorded in the ledger."""
    return CachedChat(
        inner,
        AnswerCache(workspace.calls / "answers"),
        lambda request: ledger.record_hit(request.purpose, inner.name),
    )


class EndpointChat:
    """Creates an ``endpoint.OpenAIChat`` with the limits of factory.toml."""

    free = False

    def __new__(
        cls,
        name: str,
        base_url: str,
        key: str = "",
        structured: Any = "json_schema",
        parameters: Mapping[str, Any] | None = None,
    ) -> Any:
        """Create the model `name` at `base_url`; `key` names an environment variable.

        Raises:
            FactoryError: the options or factory.toml are wrong, or the key is not in the
                environment.
        """
        from stages.models.chat.endpoint import OpenAIChat

        workspace = Workspace.find()
        ledger = Ledger(workspace.calls / NAME, load_call_settings(workspace))
        chat = OpenAIChat(name, base_url, ledger, key, structured, parameters)
        return add_cache(chat, ledger, workspace)

    @classmethod
    def revision(cls, name: str, **_: Any) -> str:
        """Return the model's name; the endpoint decides what is behind it."""
        return name

    @classmethod
    def ledger_name(cls, name: str, **_: Any) -> str:
        """Return the model's name in the ledger."""
        return name


class LocalChat:
    """Creates a ``local.TransformersChat``, once per process."""

    free = True

    def __new__(
        cls,
        name: str,
        revision: str | None = None,
        dtype: str = "bfloat16",
        device: str = "cpu",
        max_tokens: int = 1024,
    ) -> Any:
        """Load the model from the folder (relative to this checkout) or hub name `name`.

        Raises:
            FactoryError: the model cannot be loaded.
        """
        return _local(Workspace.find(), name, revision, dtype, device, max_tokens)

    @classmethod
    def revision(cls, name: str, revision: str | None = None, **_: Any) -> str:
        """Return a folder's digest of weights and configurations, or a hub name's revision."""
        return hub.revision(hub.with_revision(name, revision))

    @classmethod
    def ledger_name(cls, name: str, **_: Any) -> str:
        """Return the model's name in the ledger, without paths of this machine."""
        return Path(name).name if hub.local_folder(name) else name

    @classmethod
    def weights(cls, name: str, revision: str | None = None, **_: Any) -> list[str]:
        """Return the name of the hub model; a folder needs no fetching."""
        return [] if hub.local_folder(name) else [hub.with_revision(name, revision)]


@cache
def _local(
    workspace: Workspace,
    name: str,
    revision: str | None,
    dtype: str,
    device: str,
    max_tokens: int,
) -> CachedChat:
    """Load the model once, even if several roles of a stage use it."""
    from stages.models.chat.local import TransformersChat

    free = CallSettings(concurrency=_UNBOUNDED, prices={Path(name).name: _FREE, name: _FREE})
    ledger = Ledger(workspace.calls / NAME, free)
    chat = TransformersChat(name, ledger, revision, dtype, device, max_tokens)
    return add_cache(chat, ledger, workspace)
