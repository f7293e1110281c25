"""Client of endpoints with OpenAI's chat completions API: OpenAI, Gemini, vLLM and others.

The key is read from the environment variable that the profile names and passed to the client only:
it is removed from everything that a server returns.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import urlsplit

import openai
from openai.types.chat import ChatCompletion

from stages.engine.stage import RejectForNow
from stages.engine.workspace import FactoryError
from stages.models.chat import retries
from stages.models.chat.codes import AskCode
from stages.models.chat.ledger import Call, Ledger
from stages.models.chat.messages import build_messages
from stages.models.chat.params import (
    check_http_address,
    check_request_parameters,
    check_variable_name,
)
from stages.models.chat.request import ChatAnswer, ChatRequest
from stages.models.chat.retries import RequestFailed, TransientError
from stages.models.chat.settings import CallSettings

MAX_FAILURES = 5
"""Number of consecutive failed requests that ends the stage."""
Structured = Literal["json_schema", "json_object", "prompt"]
_CEILINGS = ("max_completion_tokens", "max_tokens")
_CONTENT = ("content_filter", "content_policy_violation", "safety")


def is_loopback(address: str) -> bool:
    """Return whether a URL's host is this machine's loopback interface."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class OpenAIChat:
    """Chat model behind an OpenAI-compatible endpoint."""

    def __init__(
        self,
        name: str,
        base_url: str,
        ledger: Ledger,
        key: str = "",
        structured: Structured = "json_schema",
        parameters: Mapping[str, Any] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Create the client without connecting.

        Args:
            name: name of the model at the endpoint.
            base_url: URL of the endpoint, including ``/v1`` or its equivalent.
            ledger: records the calls; its settings hold limits and prices.
            key: name of the environment variable with the key; empty = the endpoint needs none.
            structured: the ``response_format`` that the endpoint supports; ``prompt`` = none.
            parameters: sent unchanged; they include the maximum number of tokens of an answer.
            sleep: replaced in tests.

        Raises:
            FactoryError: wrong address or parameter, or the key is not in the environment.
        """
        self.name = name
        self._ledger, self._structured, self._sleep = ledger, structured, sleep
        self._parameters = {"temperature": 0, "max_completion_tokens": 1024, **(parameters or {})}
        self._ceiling = _ceiling(self._parameters)
        self.identity: Mapping[str, Any] = {
            "name": name,
            "structured": structured,
            "parameters": self._parameters,
        }
        self._secret = _secret(key)
        self._key_name = key
        self._failed = 0
        self._lock = threading.Lock()
        self._client = openai.OpenAI(
            api_key=self._secret or "none",
            base_url=_checked_url(base_url),
            timeout=ledger.settings.timeout_seconds,
            max_retries=0,  # `retries` does it, so that the ledger sees each attempt
            # A proxy cannot reach this machine's loopback addresses.
            http_client=openai.DefaultHttpxClient(trust_env=not is_loopback(base_url)),
        )

    @property
    def settings(self) -> CallSettings:
        """Limits, prices and budget."""
        return self._ledger.settings

    def complete(self, request: ChatRequest) -> ChatAnswer:
        """Send the request and return the endpoint's answer.

        Raises:
            RejectForNow: there was no answer within the configured attempts.
            BudgetReached: the request could exceed the budget.
            FactoryError: key, address or model are wrong, or too many requests in a row failed.
        """
        body = self._body(request)
        call = Call(
            request.purpose,
            self.name,
            self._estimate(request),
            self._ceiling,
            request.example_pictures,
        )
        try:
            answer = retries.call_with_retries(
                lambda: self._send(call, body), self.settings.attempts, self._sleep
            )
        except RequestFailed as error:
            self._count_failure(str(error))
            raise RejectForNow(
                AskCode.UNAVAILABLE, f"{self.name} gave no answer: {error}"
            ) from None
        with self._lock:
            self._failed = 0
        return answer

    def _count_failure(self, message: str) -> None:
        with self._lock:
            self._failed += 1
            if self._failed >= MAX_FAILURES:
                raise FactoryError(
                    f"{self.name} at {self._client.base_url} failed {self._failed} times in a "
                    f"row, most recently with: {message}"
                ) from None

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "messages": build_messages(request, _image_url, self._structured != "json_schema"),
            "extra_body": self._parameters,  # sent unchanged, whether the client knows them or not
        }
        if self._structured == "json_schema":
            schema = {"name": request.purpose, "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self._structured == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def _estimate(self, request: ChatRequest) -> int:
        """Estimate the tokens sent: half the bytes of text, which is more than English needs."""
        texts = [request.system, request.user, str(request.schema)]
        texts += [turn.answer + turn.complaint for turn in request.turns]
        texts += [example.user + example.answer for example in request.examples]
        words = sum(len(text.encode()) for text in texts) // 2
        pictures = len(request.images) + request.example_pictures
        return words + self.settings.image_tokens * pictures + 50

    def _send(self, call: Call, body: dict[str, Any]) -> ChatAnswer:
        """Make one attempt: wait for the limits, record the call, send it."""
        number, delay = self._ledger.open(call)
        while number is None:
            self._sleep(delay)
            number, delay = self._ledger.open(call)
        try:
            completion = self._client.chat.completions.create(**body)
            answer = _answer(completion, self._clean)
        except openai.APIStatusError as error:
            self._ledger.record_refusal(number)
            return self._handle_status_error(error)
        except (openai.OpenAIError, ValueError, TypeError) as error:
            self._ledger.record_loss(number)
            raise TransientError(self._clean(f"{type(error).__name__}: {error}")) from None
        cost = self._ledger.record_answer(number, answer.input_tokens, answer.output_tokens)
        return replace(answer, cost=cost)

    def _handle_status_error(self, error: openai.APIStatusError) -> ChatAnswer:
        """Translate an HTTP error; a content filter's error becomes a refusal.

        Raises:
            TransientError: too many requests, or the server failed.
            FactoryError: key, address or model are wrong, or the account has no credit.
            RequestFailed: this request is wrong.
        """
        message = self._clean(f"HTTP {error.status_code}: {error.message}")[:500]
        kind = f"{error.code} {error.type}".lower()
        if error.status_code in {401, 403}:
            where = f"of ${self._key_name}" if self._key_name else "(the profile names no `key`)"
            raise FactoryError(
                f"{self.name}: the endpoint refuses the key {where}: {message}"
            ) from None
        if error.status_code == 404:
            raise FactoryError(f"{self.name}: no such model or address: {message}") from None
        if "insufficient_quota" in kind or error.status_code == 402:
            raise FactoryError(f"{self.name}: the account has no credit left: {message}") from None
        if error.status_code in {408, 409, 425, 429} or error.status_code >= 500:
            wait = retries.retry_after(error.response.headers, time.time())
            raise TransientError(message, wait) from None
        if any(word in kind for word in _CONTENT):
            return ChatAnswer(
                "", self.name, refusal=message, input_tokens=0, output_tokens=0, cost=0.0
            )
        raise RequestFailed(message) from None

    def _clean(self, text: str) -> str:
        """Replace the key in `text`."""
        return text.replace(self._secret, "[key]") if self._secret else text


def _answer(completion: ChatCompletion, clean: Callable[[str], str]) -> ChatAnswer:
    """Convert a completion.

    Raises:
        ValueError: the body is not a chat completion (the client does not check).
    """
    if not isinstance(completion, ChatCompletion) or not completion.choices:
        raise ValueError("the response is not a chat completion")
    choice = completion.choices[0]
    filtered = choice.finish_reason == "content_filter"
    refusal = choice.message.refusal or ("filtered by the server" if filtered else "")
    usage = completion.usage
    return ChatAnswer(
        text=clean(choice.message.content or ""),
        model=clean(str(completion.model)),
        refusal=clean(refusal),
        cut_off=choice.finish_reason == "length",
        input_tokens=usage.prompt_tokens if usage else None,
        output_tokens=usage.completion_tokens if usage else None,
    )


def _image_url(image: bytes) -> dict[str, Any]:
    data = base64.b64encode(image).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def _ceiling(parameters: Mapping[str, Any]) -> int:
    try:
        check_request_parameters(dict(parameters))
    except ValueError as error:
        raise FactoryError(f"chat: {error}") from error
    return max(int(parameters.get(name) or 0) for name in _CEILINGS)


def _secret(key: str) -> str:
    if not key:
        return ""
    try:
        check_variable_name(key)
    except ValueError as error:
        raise FactoryError(f"chat: {error}") from error
    secret = os.environ.get(key, "")
    if not secret:
        raise FactoryError(f"chat: set the environment variable {key} to the endpoint's key")
    return secret


def _checked_url(url: str) -> str:
    try:
        return check_http_address(url)
    except ValueError as error:
        raise FactoryError(f"chat: {error}") from error
