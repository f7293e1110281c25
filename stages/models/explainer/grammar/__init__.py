"""Explanations without a model: a grammar over the record's facts."""
