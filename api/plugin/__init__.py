"""The client as a plugin for Claude Code: its files, and the git repository that they are fetched from."""
