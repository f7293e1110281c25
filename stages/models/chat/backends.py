"""Chat models by name, as a profile has them: behind the cache, with the checkout's ledger."""

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
"""Requests under way: a local model takes one at a time by itself."""
_FREE = Price(input=0, output=0)


def cached(inner: ChatModel, ledger: Ledger, workspace: Workspace) -> CachedChat:
    """`inner` behind the workspace's cache; hits are written into the ledger."""
    return CachedChat(
        inner,
        AnswerCache(workspace.calls / "answers"),
        lambda request: ledger.kept(request.purpose, inner.name),
    )


class EndpointChat:
    """``endpoint.OpenAIChat`` with the limits of factory.toml."""

    free = False

    def __new__(
        cls,
        name: str,
        base_url: str,
        key: str = "",
        structured: Any = "json_schema",
        parameters: Mapping[str, Any] | None = None,
    ) -> Any:
        """The model `name` at `base_url`; `key` names an environment variable.

        Raises:
            FactoryError: wrong options or factory.toml, or the key is not in the environment.
        """
        from stages.models.chat.endpoint import OpenAIChat

        workspace = Workspace.find()
        ledger = Ledger(workspace.calls / NAME, load_call_settings(workspace))
        chat = OpenAIChat(name, base_url, ledger, key, structured, parameters)
        return cached(chat, ledger, workspace)

    @classmethod
    def revision(cls, name: str, **_: Any) -> str:
        """The model's name: what is behind it is the endpoint's affair."""
        return name

    @classmethod
    def called(cls, name: str, **_: Any) -> str:
        """The model's name in the ledger."""
        return name


class LocalChat:
    """``local.TransformersChat``, one a process."""

    free = True

    def __new__(
        cls,
        name: str,
        revision: str | None = None,
        dtype: str = "bfloat16",
        device: str = "cpu",
        max_tokens: int = 1024,
    ) -> Any:
        """The model in the folder (relative: of this checkout) or of the hub name `name`.

        Raises:
            FactoryError: it cannot be loaded.
        """
        return _local(Workspace.find(), name, revision, dtype, device, max_tokens)

    @classmethod
    def revision(cls, name: str, revision: str | None = None, **_: Any) -> str:
        """Digest of a folder's weights and configurations; of a hub name, its pinned revision."""
        return hub.revision(hub.named(name, revision))

    @classmethod
    def called(cls, name: str, **_: Any) -> str:
        """The model's name in the ledger: no paths of this machine."""
        return Path(name).name if hub.local(name) else name

    @classmethod
    def weights(cls, name: str, revision: str | None = None, **_: Any) -> list[str]:
        """The hub's model; a folder is there already."""
        return [] if hub.local(name) else [hub.named(name, revision)]


@cache
def _local(
    workspace: Workspace,
    name: str,
    revision: str | None,
    dtype: str,
    device: str,
    max_tokens: int,
) -> CachedChat:
    """Loaded once, though several roles of a stage may ask it."""
    from stages.models.chat.local import TransformersChat

    free = CallSettings(concurrency=_UNBOUNDED, prices={Path(name).name: _FREE, name: _FREE})
    ledger = Ledger(workspace.calls / NAME, free)
    chat = TransformersChat(name, ledger, revision, dtype, device, max_tokens)
    return cached(chat, ledger, workspace)
