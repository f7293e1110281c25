"""How well a perceiver sees: predictions against photos labelled by hand."""
