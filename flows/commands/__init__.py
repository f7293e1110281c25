"""One file per command of `flawfactory`. Heavy imports stay inside the functions."""
