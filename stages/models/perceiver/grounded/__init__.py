"""The open-vocabulary perceiver: Grounding DINO for boxes, SAM for masks."""
