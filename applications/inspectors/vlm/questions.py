"""The questions of the exported conversations, as an inspector asks them."""

from __future__ import annotations

from flows.exports.chat.conversations import load_questions

ASKED = ("detection", "localisation", "region", "overall")
"""Tasks about one picture."""


def first_questions() -> dict[str, str]:
    """Return the first wording of each task's question with its format; ``{region}`` stays."""
    table = load_questions()
    return {task: f"{table[task]['questions'][0]} {table[task]['format']}" for task in ASKED}
