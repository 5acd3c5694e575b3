"""Finding @mentions in Markdown."""

import re
from collections.abc import Iterable

from access.models import Member, Project

# Whoever names more wants to reach everybody, and reaches nobody.
MENTIONS_AT_MOST = 50
# Django's usernames: letters, digits and . @ + - _, 150 at most. One that follows such a character, as in an address of
# mail or a path, is none.
MENTION = re.compile(r"(?<![\w.@+/-])@([\w.@+-]{1,150})(?![\w.@+-])")
# Code holds decorators and scopes of packages, not people.
CODE = re.compile(r"^(```|~~~).*?(?:^\1[^\n]*$|\Z)|(?<!`)(`{1,2})(?!`)[^\n]*?(?<!`)\2(?!`)", re.MULTILINE | re.DOTALL)
# What ends a sentence may also end a username; both readings are tried.
SENTENCE_ENDS = ".-+@"


def mentioned_names(text: str) -> list[str]:
    """Usernames that a Markdown text may mention, folded, in their order, at most MENTIONS_AT_MOST mentions.

    A name before a full stop is given with and without it.
    """
    names: dict[str, None] = {}
    for number, found in enumerate(MENTION.finditer(CODE.sub(" ", text))):
        if number == MENTIONS_AT_MOST:
            break
        for name in (found[1], found[1].rstrip(SENTENCE_ENDS)):
            if name:
                names[name.lower()] = None
    return list(names)


def names_of_mentioned(project: Project, texts: Iterable[str]) -> frozenset[str]:
    """Folded usernames of the members who see the project and are mentioned in any of the texts. One query at most."""
    names = {name for text in texts for name in mentioned_names(text)}
    if not names:
        return frozenset()
    return frozenset(
        name.lower() for name in Member.objects.seeing(project).called(names).values_list("username", flat=True)
    )


def mentioned_members(project: Project, text: str) -> list[Member]:
    """Members who see the project and are mentioned in a text, by username."""
    names = mentioned_names(text)
    return list(Member.objects.seeing(project).called(names).order_by("username")) if names else []
