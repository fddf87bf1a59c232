"""The commands, one file for each group that belongs together."""
