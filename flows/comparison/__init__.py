"""Compare two versions of the data set: what changed, why, and how the distributions shifted.

Everything is computed on columns of the tables; pictures are read only for what is shown.
"""
