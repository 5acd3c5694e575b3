"""What runs on a developer's machine: standard library only."""
