"""[[Wikilinks]] in what is written about requirements: they lead to memories of the project."""

import uuid
from collections.abc import Iterable

from access.callers import Caller
from memories.links import linked_titles, title_key
from memories.models import Memory


def linked_memories(caller: Caller, project_id: int, texts: Iterable[str]) -> dict[str, uuid.UUID]:
    """The memories in sight that texts of a project link to, by their folded titles; of several the newest."""
    keys = {title_key(title) for text in texts for title in linked_titles(text)}
    if not keys:
        return {}
    named = Memory.objects.visible_to(caller).within([project_id]).live().filter(title_key__in=keys)
    return dict(named.order_by("created_at").values_list("title_key", "pk"))
