"""Release a version of the data set: check it, name it, push its data, tag it."""
