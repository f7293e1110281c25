"""Answers kept for ever, one file each: a call that was paid for is never sent twice.

The key is the digest of all that shapes the answer (`ChatRequest.digest`), not of who asks, where
the endpoint lies or what a stage makes of the answer. A lock file marks a request under way, so
that two processes with one question send it once.
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
from stages.engine.workspace import CURRENT_PHOTO
from stages.models.chat.request import ChatAnswer, ChatModel, ChatRequest


class AnswerCache:
    """A folder of answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """Where the answer to the request `key` lies."""
        return self.folder / key[:2] / f"{key}.json"

    def get(self, key: str) -> ChatAnswer | None:
        """The answer under `key`; None when there is none or its file is damaged."""
        try:
            content = json.loads(self.path(key).read_bytes())
            if content["sha256"] != sha256(canonical_json(content["answer"])):
                return None
            return ChatAnswer(**content["answer"])
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, key: str, request: ChatRequest, answer: ChatAnswer) -> None:
        """Keep an answer, atomically. Images are kept by their digests only; by `photo` the answer
        is found when all that was made of a photo has to go."""
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
    def under_way(self, key: str) -> Iterator[None]:
        """Held by the one who asks; others with the same request wait here."""
        lock = self.path(key).with_suffix(".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # given back when the process dies, however it does
            yield
            # Whoever waited on the removed file finds the answer; only then may it go.
            lock.unlink(missing_ok=True)


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
        """The kept answer, or the model's. Raises as the model does."""
        key = request.digest(self.identity)
        if (kept := self.cache.get(key)) is not None:
            self.on_hit(request)
            return kept
        with self.cache.under_way(key):
            if (kept := self.cache.get(key)) is not None:
                self.on_hit(request)
                return kept
            answer = self.inner.complete(request)
            self.cache.put(key, request, answer)
            return answer
