"""Write explanations without a model: a grammar over the record's facts."""
