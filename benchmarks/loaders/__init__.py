"""Load our exports with the real libraries, each in an environment of its own."""
