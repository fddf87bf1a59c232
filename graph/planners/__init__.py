"""Planners: each turns a request and its files into a valid plan."""
