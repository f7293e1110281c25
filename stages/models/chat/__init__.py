"""Vision-language models: what they are asked, how, and what it costs (docs/vlm.md)."""

CODE = (
    "stages.models.chat.ask",
    "stages.models.chat.request",
    "stages.models.chat.messages",
    "stages.models.chat.prompts",
    "stages.models.chat.schemas",
    "stages.models.chat.views",
)
"""Modules that shape every answer, for the `code` of a stage that asks. Transport, cache, limits
and ledger do not: a change there recomputes nothing."""
