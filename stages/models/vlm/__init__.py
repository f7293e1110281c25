"""Vision-language models: what they are asked, how, and what it costs (docs/vlm.md)."""

CODE = (
    "stages.models.vlm.ask",
    "stages.models.vlm.chat",
    "stages.models.vlm.messages",
    "stages.models.vlm.prompts",
    "stages.models.vlm.schemas",
    "stages.models.vlm.views",
)
"""Modules that shape every answer, for the `code` of a stage that asks. Transport, cache, limits
and ledger do not: a change there recomputes nothing."""
