"""The compact perceiver: people by MediaPipe, other things by saliency and a classifier."""
