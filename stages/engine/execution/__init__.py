"""Who computes the photos of a stage: units of work, workers, devices."""
