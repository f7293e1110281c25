"""Check a published copy of the data set, with nothing but the copy itself."""
