"""Metrics as the released code of ArtiAgent computes them, for comparison with published tables.

They differ from ours on purpose (docs/evaluation.md lists how): three of the benchmarks count as
all flawed, heat maps get the best threshold of each picture, boxes without any overlap do not lower
the mean. Written from the definitions; none of that code is used.
"""
