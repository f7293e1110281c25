"""Chat with vision-language models: requests, back ends, cache, limits and costs (docs/vlm.md)."""
