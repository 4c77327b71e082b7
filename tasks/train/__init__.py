"""Pairs, hard negatives, and the training of a model."""
