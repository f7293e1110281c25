"""The data-quality gate that closes every stage."""
