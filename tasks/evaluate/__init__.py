"""Evaluation of a model, and its promotion."""
