"""A vision-language model captions photos."""
