"""Measure an inspector on a labelled set of pictures: readers, metrics, tables and a page."""
