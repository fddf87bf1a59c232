"""Routes beside those of LangGraph Server."""
