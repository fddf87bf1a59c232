"""Imported once by the fork server, so that every worker starts with it.

Only what all workers need and what starts no threads belongs here: a worker is a fork of the fork server.
"""

import signal

import tools.experts.engine  # noqa: F401

# Ctrl-C reaches the whole process group; only the main process answers it.
signal.signal(signal.SIGINT, signal.SIG_IGN)
