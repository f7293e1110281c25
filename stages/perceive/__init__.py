"""perceive: who and what is in a photo, which parts they have, and where to work."""
