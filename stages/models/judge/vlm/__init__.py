"""A vision-language model judges: what it is asked and how its verdict is read."""
