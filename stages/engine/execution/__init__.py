"""Computes the photos of a stage: units of work, executors, workers, devices, progress."""
