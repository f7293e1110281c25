"""A vision-language model in this process as an inspector: tuned on our conversations, or not."""
