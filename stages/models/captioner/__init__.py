"""Caption photos for the flow model: the back ends of the role captioner."""
