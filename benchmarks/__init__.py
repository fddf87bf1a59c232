"""Benchmarks: every number in the documentation comes from one of these."""
