"""List what is in a photo with a vision-language model."""
