"""Benchmarks, one kernel or stage per file."""
