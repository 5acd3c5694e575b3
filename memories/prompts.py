"""Prompts: memories of type prompt, found by name."""

import re
import uuid
from collections import Counter

from access.callers import Caller, visible_project_ids
from access.errors import NotFound
from access.models import GLOBAL_PROJECT
from memories.models import Memory, MemoryQuerySet

PROMPT_TYPE = "prompt"
# More than anybody picks from a menu; it bounds what one listing of names reads.
NAMED_AT_MOST = 2000
WORD_LENGTH = 60
NOT_IN_WORDS = re.compile(r"[^\w.]+")


def find_prompt(caller: Caller, name: str, project_name: str | None, *, prompt_id: uuid.UUID | None = None) -> Memory:
    """The prompt with this id; without one, that of this name in the project, else in the global one where the caller
    sees it. Raises NotFound."""
    prompts = Memory.objects.visible_to(caller).live().of_type(PROMPT_TYPE).select_related("project", "memory_type")
    if prompt_id is not None:
        found = prompts.filter(pk=prompt_id).first()
    else:
        named = prompts.titled(" ".join(name.split()))
        in_project = named.within(visible_project_ids(caller, project_name)).order_by("-updated_at", "-id").first()
        found = in_project or named.filter(project__name=GLOBAL_PROJECT).first()
    if found is None:
        raise NotFound("Prompt not found")
    return found


def prompts_in_sight(caller: Caller, project_ids: list[int] | None) -> MemoryQuerySet:
    """Live prompts of these projects (None: all in scope), in no order."""
    return Memory.objects.visible_to(caller).live().of_type(PROMPT_TYPE).within(project_ids)


def list_prompts(caller: Caller, project_ids: list[int] | None, limit: int) -> list[Memory]:
    """Live prompts of these projects (None: all in scope) by title."""
    prompts = prompts_in_sight(caller, project_ids)
    return list(prompts.select_related("project").order_by("title", "id")[:limit])


def prompts_by_word(caller: Caller) -> dict[str, Memory]:
    """Each live prompt in the caller's sight under one word that can be typed, in the order of their titles.

    The word is made of the title ("Review a migration" is `review-a-migration`); where titles meet, the project's name
    comes before it, and where that does not tell them apart either, the id's end comes after it. Texts are not read.
    """
    rows = list(
        Memory.objects.visible_to(caller)
        .live()
        .of_type(PROMPT_TYPE)
        .select_related("project")
        .defer("content_md", "resolution")
        .order_by("title", "id")[:NAMED_AT_MOST]
    )
    words = [_word(row.title) or _tail(row) for row in rows]
    taken = Counter(words)
    words = [
        f"{_word(row.project.name)}.{word}" if taken[word] > 1 else word for row, word in zip(rows, words, strict=True)
    ]
    taken = Counter(words)
    return {f"{word}-{_tail(row)}" if taken[word] > 1 else word: row for row, word in zip(rows, words, strict=True)}


def _word(text: str) -> str:
    return NOT_IN_WORDS.sub("-", text.lower())[:WORD_LENGTH].strip("-.")


def _tail(prompt: Memory) -> str:
    return prompt.pk.hex[-8:]
