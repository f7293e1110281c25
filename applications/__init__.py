"""What the data set is for: models that find flaws, and the measurements that show whether they do
(docs/evaluation.md)."""
