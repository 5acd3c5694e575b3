"""Who may do what: projects, members, role tokens, callers, and the audit trail."""
