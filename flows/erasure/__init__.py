"""Erase what was made of withdrawn photos on this machine (`flawfactory gc --purge`)."""
