"""Annoy index shards and their recall against exact search."""
