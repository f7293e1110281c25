"""How good the flaws look, measured on a fixed set of mappings: see README.md in this folder."""
