"""Catalog, graph, features and neighborhoods of a day."""
