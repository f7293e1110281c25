"""A vision-language model lists what is in a photo."""
