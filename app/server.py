"""The graph as LangGraph Server loads it, with what its first run would otherwise import while it serves.

An import holds Python's global lock for a tenth of a second at a time, whatever thread it runs on: nothing else is
answered meanwhile. The command line does without this, since it serves nobody else.
"""

import gc

from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from graph.agent import graph

__all__ = ["graph"]

# The better part of the client's library is imported when one is made.
ChatOpenAI(model="none", base_url="http://127.0.0.1:9/v1", api_key=SecretStr("none"))

# What is imported by now stays: a walk of the garbage collector through it stops everything for 0.2 s.
gc.freeze()
