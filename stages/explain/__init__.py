"""explain: writes texts about every flaw that passed the filter, and about the untouched photo."""
