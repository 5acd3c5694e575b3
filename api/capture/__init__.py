"""The door of agents' hooks: `/hook`, `/hook/batch`, `/handoff`, `/identity`."""
