"""Back end ``transformers`` of the role chat: a model in this process behind the cache."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from stages.engine.workspace import Workspace
from stages.models.chat.cache import CachedChat, add_cache
from stages.models.chat.ledger import NAME, Ledger
from stages.models.chat.params import LocalChatOptions
from stages.models.chat.settings import CallSettings, Price
from stages.models.weights import hub

_UNBOUNDED = 1_000_000
"""Limit on open requests; a local model handles one at a time anyway."""
_FREE = Price(input=0, output=0)


class LocalChat:
    """Creates a ``local.TransformersChat``, once per process."""

    free = True

    def __new__(cls, options: LocalChatOptions) -> Any:
        """Load the model from a folder or of a hub name.

        Raises:
            FactoryError: the model cannot be loaded.
        """
        # A frozen model has a hash.
        return _local(Workspace.find(), options)  # pyright: ignore[reportArgumentType]

    @classmethod
    def revision(cls, options: LocalChatOptions) -> str:
        """Return a folder's digest of weights and configurations, or a hub name's revision."""
        return hub.revision(hub.with_revision(options.name, options.revision))

    @classmethod
    def ledger_name(cls, options: LocalChatOptions) -> str:
        """Return the model's name in the ledger, without paths of this machine."""
        return Path(options.name).name if hub.local_folder(options.name) else options.name

    @classmethod
    def weights(cls, options: LocalChatOptions) -> list[str]:
        """Return the name of the hub model; a folder needs no fetching."""
        return (
            []
            if hub.local_folder(options.name)
            else [hub.with_revision(options.name, options.revision)]
        )


@cache
def _local(workspace: Workspace, options: LocalChatOptions) -> CachedChat:
    """Load the model once, even if several roles of a stage use it."""
    from stages.models.chat.local import TransformersChat

    name = options.name
    free = CallSettings(concurrency=_UNBOUNDED, prices={Path(name).name: _FREE, name: _FREE})
    ledger = Ledger(workspace.calls / NAME, free)
    chat = TransformersChat(
        name, ledger, options.revision, options.dtype, options.device, options.max_tokens
    )
    return add_cache(chat, ledger, workspace)
