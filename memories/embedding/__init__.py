"""Vectors for memories: who makes them, in which space, and how what is missing gets made."""
