"""Write pairs as WebDataset shards, with manifest, index and data set card."""
