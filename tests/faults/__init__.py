"""Faults: what the pipeline must survive, and the harness that causes it."""
