"""The command line, and the routes beside those of LangGraph Server."""

import os

# Checkpoints give back nothing but the types that the graph declares; read when langgraph is imported.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
