"""Caption photos with a vision-language model."""
