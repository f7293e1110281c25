"""Training of the compact inspector from published pairs, and its calibration."""
