"""explain: words for every flaw that passed the filter, and for the untouched photo."""
