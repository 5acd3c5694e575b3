"""What a requirement may be linked to, found while somebody types."""

from functools import reduce
from operator import and_

from django.db.models import Q

from access.callers import Caller
from access.errors import Refusal
from access.models import Project
from memories.models import Memory
from memories.search import search
from requirements_pipeline.models import Requirement

CANDIDATES_SHOWN = 10
# Longer questions are no longer titles.
WORDS_AT_MOST = 8


def memory_candidates(caller: Caller, project: Project, words: str) -> list[Memory]:
    """Memories in sight whose title holds every word, those of the project first; then what search finds by meaning."""
    asked = _asked(words)
    if not asked:
        return []
    light = Memory.objects.visible_to(caller).live().select_related("memory_type", "project")
    titled = light.defer("content_md", "resolution").filter(_titled(asked)).order_by("-updated_at")
    found = {memory.pk: memory for memory in titled.within([project.pk])[:CANDIDATES_SHOWN]}
    if len(found) < CANDIDATES_SHOWN:
        found |= {memory.pk: memory for memory in titled[:CANDIDATES_SHOWN] if memory.pk not in found}
    if len(found) < CANDIDATES_SHOWN:
        found |= {memory.pk: memory for memory in _by_meaning(caller, project, words) if memory.pk not in found}
    return list(found.values())[:CANDIDATES_SHOWN]


def requirement_candidates(
    caller: Caller, project: Project, words: str, besides: Requirement | None = None
) -> list[Requirement]:
    """Requirements of the project whose title holds every word, those that are not done first."""
    asked = _asked(words)
    if not asked:
        return []
    visible = Requirement.objects.visible_to(caller).within([project.pk]).filter(_titled(asked))
    if besides is not None:
        visible = visible.exclude(pk=besides.pk)
    still_open = list(visible.open().order_by("-updated_at")[:CANDIDATES_SHOWN])
    rest = visible.exclude(pk__in=[row.pk for row in still_open]).order_by("-updated_at")
    return [*still_open, *rest[: CANDIDATES_SHOWN - len(still_open)]]


def _by_meaning(caller: Caller, project: Project, words: str) -> list[Memory]:
    try:
        answer = search(caller, words.replace("\x00", " "), project_ids=[project.pk], limit=CANDIDATES_SHOWN)
    except Refusal:
        # An odd question finds nothing; it is no reason to trouble who types.
        return []
    return [result.memory for result in answer.results]


def _asked(words: str) -> list[str]:
    return words.replace("\x00", " ").encode(errors="replace").decode().split()[:WORDS_AT_MOST]


def _titled(words: list[str]) -> Q:
    return reduce(and_, (Q(title__icontains=word) for word in words))
