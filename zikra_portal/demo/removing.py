"""Taking the demo out again: all of it and nothing else."""

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import PROTECT, Q
from simple_history.utils import get_history_manager_for_model

from access.models import AuditEntry, Member, Project, RoleToken
from api.models import IdempotencyRecord
from memories.models import Memory, MemoryUse, Posting, Repair
from runs.models import Machine, Run
from zikra_portal.demo.people import DEMO


def has_demo() -> bool:
    """Whether anything of a demo is there."""
    return Project.objects.filter(is_demo=True).exists() or Member.objects.filter(is_demo=True).exists()


def remove_demo() -> dict[str, int]:
    """Remove the demo's projects with all that they hold, its members and its tokens, with their histories.

    Also what people have added to the demo's projects since. Answers how many rows of which kind went; rows of other
    projects stay as they are.
    """
    with transaction.atomic():
        projects = list(Project.objects.filter(is_demo=True).values_list("pk", flat=True))
        members = list(Member.objects.filter(is_demo=True).values_list("pk", flat=True))
        tokens = list(
            RoleToken.objects.filter(Q(member_id__in=members) | Q(member=None, created_by=DEMO)).values_list(
                "pk", flat=True
            )
        )
        if not projects and not members and not tokens:
            return {}
        holders = [*(f"member:{pk}" for pk in members), *(f"token:{pk}" for pk in tokens)]
        gone = _remove_audit(projects, members, tokens)
        gone["machines"] = Machine.objects.filter(holder__in=holders).delete()[0]
        _remove_what_projects_hold(projects, gone)
        for model, keys in ((RoleToken, tokens), (Member, members), (Project, projects)):
            gone[str(model._meta.verbose_name_plural)] = model._default_manager.filter(pk__in=keys).count()
            model._default_manager.filter(pk__in=keys).delete()
            # Deleting writes a last line of history; it goes with the others.
            get_history_manager_for_model(model).filter(**{f"{model._meta.pk.name}__in": keys}).delete()
        _remove_sessions(members)
        IdempotencyRecord.objects.filter(holder__in=holders).delete()
    return {name: count for name, count in gone.items() if count}


def _remove_audit(projects: list[int], members: list[int], tokens: list) -> dict[str, int]:
    """What was done in the demo's projects, and what its people and tokens did in none; before those are gone."""
    by_demo = Q(project=None) & (Q(member_id__in=members) | Q(token_id__in=tokens))
    count, _ = AuditEntry.objects.filter(Q(project_id__in=projects) | by_demo).delete()
    return {"audit entries": count}


def _remove_what_projects_hold(projects: list[int], gone: dict[str, int]) -> None:
    """Everything that keeps a project from being deleted, and what only knows it by a number."""
    runs = Run.objects.filter(project_id__in=projects)
    memories = {str(pk) for pk in Memory.objects.filter(project_id__in=projects).values_list("pk", flat=True)}
    repaired = [
        row.pk for row in Repair.objects.iterator() if any(step.get("memory") in memories for step in row.steps)
    ]
    Repair.objects.filter(pk__in=repaired).delete()
    MemoryUse.objects.filter(run_id__in=list(runs.values_list("pk", flat=True))).delete()
    Posting.objects.filter(project_id__in=projects).delete()
    for relation in Project._meta.related_objects:
        if relation.on_delete is PROTECT:
            rows = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": projects})
            gone[str(relation.related_model._meta.verbose_name_plural)] = rows.count()
            rows.delete()


def _remove_sessions(members: list[int]) -> None:
    """Nobody stays logged in as somebody who is gone."""
    wanted = {str(pk) for pk in members}
    gone = [row.pk for row in Session.objects.iterator() if row.get_decoded().get("_auth_user_id") in wanted]
    Session.objects.filter(pk__in=gone).delete()
