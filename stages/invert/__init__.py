"""invert: photo windows to noise along the rectified flow, latents kept on the way."""
