"""Engagement pairs: positive (query item, item) examples."""
