"""Calibrate and test the compact judge: results, blind verdicts, features, figures."""
