"""inject: flaws rendered from inverted latents by one gather, with a control beside each."""
