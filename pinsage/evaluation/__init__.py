"""Metrics, baselines and bootstrap intervals."""
