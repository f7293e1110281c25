"""Chat with vision-language models: requests, back ends, cache, limits and costs (docs/vlm.md)."""

CODE = (
    "stages.models.chat.ask",
    "stages.models.chat.request",
    "stages.models.chat.messages",
    "stages.models.chat.prompts",
    "stages.models.chat.schemas",
    "stages.models.chat.views",
)
"""Modules that affect every answer, for the `code` of stages that use a chat model. Transport,
cache, limits and ledger do not affect answers: a change there recomputes nothing."""
