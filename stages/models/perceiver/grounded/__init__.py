"""Open-vocabulary perceiver: Grounding DINO for boxes, SAM for masks."""
