"""Experts: the models that run tasks."""
