"""A vision-language model as an inspector, behind the factory's cache, ledger and budget."""
