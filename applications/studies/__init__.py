"""Measure what a data set teaches: the compact network, trained briefly on parts or variants of it.

- `scaling`: with more pairs, at the same number of steps and of epochs;
- `variants`: without one ingredient at a time;
- `probe`: one short fixed training, as metrics of a version of the data set.
"""
