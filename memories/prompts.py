"""Prompts: memories of type prompt, found by name."""

from access.callers import Caller, visible_project_ids
from access.errors import NotFound
from access.models import GLOBAL_PROJECT
from memories.models import Memory, MemoryQuerySet

PROMPT_TYPE = "prompt"


def find_prompt(caller: Caller, name: str, project_name: str | None) -> Memory:
    """The prompt of this name in the project, else in the global one where the caller sees it. Raises NotFound."""
    wanted = " ".join(name.split())
    prompts = (
        Memory.objects.visible_to(caller)
        .live()
        .of_type(PROMPT_TYPE)
        .titled(wanted)
        .select_related("project", "memory_type")
    )
    in_project = prompts.within(visible_project_ids(caller, project_name)).order_by("-updated_at", "-id").first()
    found = in_project or prompts.filter(project__name=GLOBAL_PROJECT).first()
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
