"""Explain flaws with a vision-language model: its prompts, and checks of its answers."""
