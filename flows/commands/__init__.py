"""One file a command of `flawfactory`. Heavy imports stay inside the functions."""
