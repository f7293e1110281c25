"""Classes of the aspects that the files of a tool's folder define as ``ASPECT``."""
