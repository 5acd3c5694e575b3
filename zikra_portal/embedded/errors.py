"""Why the portal cannot start, in words for the person who started it."""


class StartError(Exception):
    """The portal cannot start or go on; its text is one line that says what is wrong and what to do."""
