"""Who wants to know about a requirement, and telling them."""

from collections import Counter
from collections.abc import Iterable

from django.db.models import Count
from django.urls import reverse

from access.callers import Caller
from access.errors import Invalid
from access.models import Member, Notification
from access.notifications import notify
from requirements_pipeline.models import Requirement, RequirementWatch
from requirements_pipeline.reading import find_requirement

# Kinds of notices that tell what somebody said.
TALK = ("commented", "mentioned")


def link_to(requirement: Requirement) -> str:
    """The path of a requirement's page."""
    return reverse("requirement", args=[requirement.pk])


def watch(caller: Caller, requirement: Requirement) -> None:
    """Tell the caller's member from now on. Raises NotFound out of sight, Invalid for a caller who is no member."""
    _set_watch(caller, requirement, is_on=True)


def unwatch(caller: Caller, requirement: Requirement) -> None:
    """Tell the caller's member no more, though they wrote it, do it or spoke of it; a mention still reaches them."""
    _set_watch(caller, requirement, is_on=False)


def watcher_ids(requirement: Requirement) -> set[int]:
    """Keys of the members who are told: author, assignee and who watches, without those who asked not to be."""
    watches = dict(requirement.watches.values_list("member_id", "is_on"))
    by_role = {requirement.author_id, requirement.assignee_id} - {None}
    return {pk for pk in by_role | set(watches) if pk is not None and watches.get(pk, True)}


def watchers_of(requirement: Requirement) -> list[Member]:
    """The members who are told, by username; who sees the project no more is left out."""
    told = Member.objects.seeing(requirement.project).filter(pk__in=watcher_ids(requirement))
    return list(told.order_by("username"))


def begin_watching(requirement: Requirement, member_ids: Iterable[int]) -> None:
    """Members who took part watch from now on, but for those who asked not to be told."""
    rows = [RequirementWatch(requirement=requirement, member_id=pk) for pk in sorted(set(member_ids))]
    RequirementWatch.objects.bulk_create(rows, ignore_conflicts=True)


def tell(
    caller: Caller, requirement: Requirement, member_ids: Iterable[int], *, kind: str, words: str
) -> list[Notification]:
    """Tell members, but for the caller's own, about a requirement, within this transaction."""
    others = set(member_ids) - {caller.member_id}
    if not others:
        return []
    return notify(others, requirement.project, kind=kind, words=words, link=link_to(requirement))


def unread_talk(caller: Caller) -> Counter[str]:
    """How many comments and mentions the caller's member has not read yet, by the path of the requirement's page."""
    told = Notification.objects.of(caller).unread().filter(kind__in=TALK).order_by()
    return Counter(dict(told.values_list("link").annotate(Count("pk"))))


def _set_watch(caller: Caller, requirement: Requirement, *, is_on: bool) -> None:
    found = find_requirement(caller, requirement_id=requirement.pk)
    if caller.member_id is None:
        raise Invalid("Only a member can be told; this caller acts for none.")
    RequirementWatch.objects.update_or_create(requirement=found, member_id=caller.member_id, defaults={"is_on": is_on})
