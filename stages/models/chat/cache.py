"""Permanent cache of answers, one file each, so that no paid call is sent twice.

The key is the digest of everything that affects the answer (`ChatRequest.digest`); the stage, the
endpoint's address and the use of the answer are not part of it. A lock file marks an open request,
so that two processes with the same question send it once.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stages.engine.files import canonical_json, sha256, write_atomically
from stages.engine.workspace import CURRENT_PHOTO, Workspace
from stages.models.chat.ledger import Ledger
from stages.models.chat.request import ChatAnswer, ChatModel, ChatRequest


class AnswerCache:
    """A folder of answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """Return the path of the answer to the request `key`."""
        return self.folder / key[:2] / f"{key}.json"

    def get(self, key: str) -> ChatAnswer | None:
        """Return the answer to the request `key`; None if it is missing or its file is damaged."""
        try:
            content = json.loads(self.path(key).read_bytes())
            if content["sha256"] != sha256(canonical_json(content["answer"])):
                return None
            return ChatAnswer(**content["answer"])
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, key: str, request: ChatRequest, answer: ChatAnswer) -> None:
        """Store an answer, atomically.

        Images are stored as digests only. `photo` is used to find the answer when everything made
        from a photo has to be deleted.
        """
        content = {
            "answer": asdict(answer),
            "sha256": sha256(canonical_json(asdict(answer))),
            "photo": os.environ.get(CURRENT_PHOTO),
            "purpose": request.purpose,
            "prompt": request.prompt,
            "user": request.user,
            "images": [sha256(image) for image in request.images],
        }
        write_atomically(self.path(key), canonical_json(content))

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Lock the request `key`; other processes with the same request wait."""
        path = self.path(key).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # released however the process ends
            yield
            # Removed only on success: a process that waited on the removed file finds the answer.
            path.unlink(missing_ok=True)


class CachedChat:
    """A chat model behind the cache."""

    def __init__(
        self,
        inner: ChatModel,
        cache: AnswerCache,
        on_hit: Callable[[ChatRequest], None] = lambda request: None,
    ) -> None:
        self.inner, self.cache, self.on_hit = inner, cache, on_hit
        self.name: str = inner.name
        self.identity: Mapping[str, Any] = inner.identity

    def complete(self, request: ChatRequest) -> ChatAnswer:
        """Return the cached answer, or the model's. Raises like the model."""
        key = request.digest(self.identity)
        if (cached := self.cache.get(key)) is not None:
            self.on_hit(request)
            return cached
        with self.cache.lock(key):
            if (cached := self.cache.get(key)) is not None:
                self.on_hit(request)
                return cached
            answer = self.inner.complete(request)
            self.cache.put(key, request, answer)
            return answer


def add_cache(inner: ChatModel, ledger: Ledger, workspace: Workspace) -> CachedChat:
    """Put `inner` behind the workspace's cache; hits are recorded in the ledger."""
    return CachedChat(
        inner,
        AnswerCache(workspace.calls / "answers"),
        lambda request: ledger.record_hit(request.purpose, inner.name),
    )
