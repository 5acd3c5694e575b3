"""Talking about a requirement: comments in Markdown, the members they mention, and who is told."""

import uuid

from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.errors import Forbidden, Invalid, NotFound
from access.masking import mask
from access.roles import Role
from memories.snippets import snippet
from requirements_pipeline.mentions import mentioned_members
from requirements_pipeline.models import NAME_LENGTH, Requirement, RequirementComment
from requirements_pipeline.moves import locked_requirement
from requirements_pipeline.watching import begin_watching, tell, watcher_ids

COMMENT_LENGTH = 20_000


def add_comment(caller: Caller, requirement: Requirement, body_md: str) -> RequirementComment:
    """Say something about a requirement. Needs a collaborator.

    Who speaks and who is mentioned watches from now on; mentioned members and other watchers are told. Secrets are
    masked. Raises Invalid for an empty or over-long text, NotFound when the requirement is out of sight.
    """
    caller.require(Role.COLLABORATOR)
    body = _checked(body_md)
    with transaction.atomic():
        locked = locked_requirement(caller, requirement.pk)
        comment = RequirementComment.objects.create(
            requirement=locked, body_md=body, by=caller.name[:NAME_LENGTH], author_id=caller.member_id
        )
        watching = watcher_ids(locked)
        mentioned = _tell_mentioned(caller, comment, set())
        begin_watching(locked, {caller.member_id} - {None})  # type: ignore[arg-type]
        words = f"{comment.by} on “{locked.title}”: {_said(body)}"
        tell(caller, locked, watching - mentioned, kind="commented", words=words)
    return comment


def edit_comment(caller: Caller, comment: RequirementComment, body_md: str) -> RequirementComment:
    """Rewrite one's own comment. Members whom only the new text mentions are told.

    Raises Forbidden for somebody else's, NotFound when it is out of sight or deleted, Invalid as add_comment.
    """
    caller.require(Role.COLLABORATOR)
    body = _checked(body_md)
    with transaction.atomic():
        locked = _locked(caller, comment.pk)
        if not is_own_comment(caller, locked):
            raise Forbidden(Role.OWNER, hint="A comment is rewritten by who wrote it, and by nobody else.")
        if body == locked.body_md:
            return locked
        before = {member.pk for member in mentioned_members(locked.requirement.project, locked.body_md)}
        locked.body_md, locked.edited_at = body, timezone.now()
        locked.save(update_fields=["body_md", "edited_at"])
        _tell_mentioned(caller, locked, before)
    return locked


def delete_comment(caller: Caller, comment: RequirementComment) -> None:
    """Take a comment out of sight: one's own, or anybody's as an admin. The row is kept.

    Raises Forbidden for somebody else's, NotFound when it is out of sight or deleted already.
    """
    caller.require(Role.COLLABORATOR)
    with transaction.atomic():
        locked = _locked(caller, comment.pk)
        if not is_own_comment(caller, locked):
            caller.require(Role.ADMIN)
        locked.deleted_at, locked.deleted_by = timezone.now(), caller.name[:NAME_LENGTH]
        locked.save(update_fields=["deleted_at", "deleted_by"])


def restore_comment(caller: Caller, comment_id: uuid.UUID) -> RequirementComment:
    """Bring a deleted comment back: one's own, or anybody's as an admin.

    Raises Forbidden for somebody else's, NotFound when it is out of sight or was never deleted.
    """
    caller.require(Role.COLLABORATOR)
    with transaction.atomic():
        deleted = RequirementComment.objects.deleted_visible_to(caller).select_for_update(of=("self",))
        found = deleted.select_related("requirement__project").filter(pk=comment_id).first()
        if found is None:
            raise NotFound("Comment not found")
        if not is_own_comment(caller, found):
            caller.require(Role.ADMIN)
        found.deleted_at, found.deleted_by = None, ""
        found.save(update_fields=["deleted_at", "deleted_by"])
    return found


def find_comment(caller: Caller, comment_id: uuid.UUID) -> RequirementComment:
    """The comment of this id. Raises NotFound when it is deleted or out of the caller's sight."""
    visible = RequirementComment.objects.visible_to(caller).select_related("requirement__project", "author")
    found = visible.filter(pk=comment_id).first()
    if found is None:
        raise NotFound("Comment not found")
    return found


def comments_on(caller: Caller, requirement: Requirement) -> list[RequirementComment]:
    """The comments on a requirement in the caller's sight, oldest first."""
    return list(RequirementComment.objects.visible_to(caller).filter(requirement=requirement).select_related("author"))


def _tell_mentioned(caller: Caller, comment: RequirementComment, known: set[int]) -> set[int]:
    """Tell the mentioned but for those known already; answers the keys of all who are mentioned."""
    requirement = comment.requirement
    mentioned = {member.pk for member in mentioned_members(requirement.project, comment.body_md)}
    begin_watching(requirement, mentioned - known)
    words = f"{comment.by} mentioned you on “{requirement.title}”: {_said(comment.body_md)}"
    tell(caller, requirement, mentioned - known, kind="mentioned", words=words)
    return mentioned


def _locked(caller: Caller, comment_id: uuid.UUID) -> RequirementComment:
    visible = RequirementComment.objects.visible_to(caller).select_for_update(of=("self",))
    found = visible.select_related("requirement__project").filter(pk=comment_id).first()
    if found is None:
        raise NotFound("Comment not found")
    return found


def is_own_comment(caller: Caller, comment: RequirementComment) -> bool:
    """Whether the caller wrote it. What a token of nobody's wrote belongs to tokens of nobody's of the same name."""
    if comment.author_id or caller.member_id:
        return comment.author_id == caller.member_id
    return comment.by == caller.name[:NAME_LENGTH]


def _said(body: str) -> str:
    return snippet(body, ())


def _checked(body_md: str) -> str:
    try:
        body_md.encode()
    except UnicodeEncodeError:
        raise _problem("The comment holds half a character (a lone surrogate).") from None
    body = mask(body_md.replace("\x00", "").strip()).text
    if not body:
        raise _problem("A comment needs words.")
    if len(body) > COMMENT_LENGTH:
        raise _problem(f"The comment is {len(body)} characters long; {COMMENT_LENGTH} is the limit.")
    return body


def _problem(problem: str) -> Invalid:
    return Invalid(problem, fields={"body_md": [problem]})
