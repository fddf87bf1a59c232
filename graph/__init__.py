"""The agent: plan, select, execute and respond as a LangGraph state graph."""
