"""A vision-language model explains flaws: what it is told, asked, and how its texts are read."""
