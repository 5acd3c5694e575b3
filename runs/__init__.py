"""Sessions and runs of agents: what they did, and what it cost."""
