"""Embeddings of a day's items by a model."""
