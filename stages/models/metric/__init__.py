"""Back ends of the role `metric`: perceptual distances."""
