"""Inputs to try things on, and the demo."""
