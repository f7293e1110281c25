"""Tuning of vision-language models with TRL on the conversations that the factory exports."""
