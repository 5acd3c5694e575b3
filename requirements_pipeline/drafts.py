"""What somebody typed into the editor is kept until it is saved or thrown away: a closed tab loses nothing."""

import json
from collections.abc import Mapping

from django.utils import timezone

from access.callers import Caller
from access.errors import Invalid
from access.masking import mask
from access.roles import Role
from memories.models import CONTENT_BYTES
from requirements_pipeline.models import EditorDraft, Requirement
from requirements_pipeline.reading import find_requirement

# The longest text that can be saved, and as much again for all the other fields, in JSON's spelling.
DRAFT_BYTES = 2 * CONTENT_BYTES
FIELDS_AT_MOST = 50
NAME_LENGTH = 60


def keep_draft(caller: Caller, requirement: Requirement | None, fields: Mapping[str, str]) -> EditorDraft:
    """Keep what the caller's member has typed, instead of what was kept before. Needs a collaborator.

    requirement: the one that is edited; None for a new one. fields: the form's, by their names. Secrets are masked.
    Raises Invalid for more than DRAFT_BYTES and for a caller who is no member, NotFound when it is out of sight.
    """
    caller.require(Role.COLLABORATOR)
    member_id = _member_id(caller)
    if requirement is not None:
        find_requirement(caller, requirement_id=requirement.pk)
    kept = {_storable(name)[:NAME_LENGTH]: _storable(text) for name, text in list(fields.items())[:FIELDS_AT_MOST]}
    size = len(json.dumps(kept))
    if size > DRAFT_BYTES:
        raise Invalid(f"This is too long to keep: {size} bytes, and {DRAFT_BYTES} is the limit. Save it in parts.")
    draft, _ = EditorDraft.objects.update_or_create(
        member_id=member_id, requirement=requirement, defaults={"fields": kept, "kept_at": timezone.now()}
    )
    return draft


def draft_of(caller: Caller, requirement: Requirement | None) -> EditorDraft | None:
    """What the caller's member typed and did not save; None where there is nothing."""
    return EditorDraft.objects.filter(member_id=caller.member_id or 0, requirement=requirement).first()


def discard_draft(caller: Caller, requirement: Requirement | None) -> bool:
    """Throw away what the caller's member typed; answers whether there was anything."""
    count, _ = EditorDraft.objects.filter(member_id=caller.member_id or 0, requirement=requirement).delete()
    return bool(count)


def _member_id(caller: Caller) -> int:
    if caller.member_id is None:
        raise Invalid("Only a member's words can be kept; this caller acts for none.")
    return caller.member_id


def _storable(text: str) -> str:
    """The text without secrets and without what PostgreSQL cannot hold."""
    return mask(text.replace("\x00", "").encode(errors="replace").decode()).text
