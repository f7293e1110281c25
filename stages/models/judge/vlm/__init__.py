"""Judge flaws with a vision-language model: its prompt, and checks of its answers."""
