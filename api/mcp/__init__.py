"""The Model Context Protocol's door: every command of a role as a tool, memories as resources, prompts as prompts.

It only translates: each message is one POST, nothing is kept between two of them, and `run_command` does the rest.
"""
