"""package: pairs as WebDataset shards, their manifest, index and data set card."""
