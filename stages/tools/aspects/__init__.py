"""The classes of a tool's aspects: what each file of a tool's folder declares as ``ASPECT``."""
