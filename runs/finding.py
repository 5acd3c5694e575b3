"""Finding runs by words, for who does not remember when they were."""

from functools import reduce
from operator import and_, or_

from django.db.models import Q

from access.callers import Caller
from runs.models import Run, RunQuerySet

# Beyond so many of the newest the words are looked for on the page of runs, where time and names bound the question:
# comparing words with a year of runs takes longer than the page.
NEWEST_LOOKED_AT = 5_000
# Whoever pastes a page of text looks for its first words.
WORDS_AT_MOST = 12
SEARCHED = ("session_id", "runner", "agent", "machine", "prompt_name", "requirement_title", "step", "output_summary")


def runs_saying(caller: Caller, words: str, project_ids: list[int] | None = None) -> RunQuerySet:
    """The newest runs in sight that hold every word in a name, their step or their summary; newest first.

    project_ids: None for no bound. Only the newest NEWEST_LOOKED_AT runs are looked at.
    """
    runs = Run.objects.visible_to(caller)
    if project_ids is not None:
        runs = runs.filter(project_id__in=project_ids)
    newest = runs.order_by("-started_at").values("pk")[:NEWEST_LOOKED_AT]
    wanted = words.replace("\x00", " ").split()[:WORDS_AT_MOST]
    said = reduce(and_, (reduce(or_, (Q(**{f"{name}__icontains": word}) for name in SEARCHED)) for word in wanted), Q())
    found = Run.objects.filter(said, pk__in=newest).select_related("project")
    return found.defer("output_summary", "files_modified").order_by("-started_at", "pk")
