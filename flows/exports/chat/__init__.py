"""Conversations about the pictures, for tuning vision-language models."""
