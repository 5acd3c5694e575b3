"""What somebody typed and did not save is kept for them alone."""

import threading

import pytest
from django.db import connections
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from access.callers import Caller, caller_for_member
from access.errors import Forbidden, Invalid, NotFound
from access.models import Member, Project
from access.roles import Role
from requirements_pipeline.drafts import DRAFT_BYTES, discard_draft, draft_of, keep_draft
from requirements_pipeline.models import EditorDraft
from requirements_pipeline.writing import save_requirement
from tests.conftest import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def requirement(collaborator, app):
    return save_requirement(collaborator.caller, app, "Export invoices")


def test_each_member_has_one_draft_of_each_requirement_and_one_of_a_new_one(owner, collaborator, requirement):
    keep_draft(collaborator.caller, requirement, {"title": "A"})
    keep_draft(collaborator.caller, None, {"title": "New"})
    keep_draft(owner.caller, requirement, {"title": "O"})
    again = keep_draft(collaborator.caller, requirement, {"title": "B"})
    keep_draft(collaborator.caller, None, {"title": "Newer"})
    kept = EditorDraft.objects.order_by("pk").values_list("member__username", "requirement", "fields")
    assert list(kept) == [
        ("carl", requirement.pk, {"title": "B"}),
        ("carl", None, {"title": "Newer"}),
        ("olga", requirement.pk, {"title": "O"}),
    ]
    assert draft_of(collaborator.caller, requirement) == again
    assert (discard_draft(collaborator.caller, requirement), discard_draft(collaborator.caller, requirement)) == (
        True,
        False,
    )
    assert draft_of(collaborator.caller, requirement) is None
    assert draft_of(collaborator.caller, None).fields == {"title": "Newer"}


def test_secrets_are_masked_and_what_cannot_be_stored_is_left_out(collaborator):
    secret = "AKIA" + "ABCDEFGHIJKLMNOP"
    draft = keep_draft(collaborator.caller, None, {"title": f"a\x00b \ud800 {secret}"})
    draft.refresh_from_db()
    assert draft.fields == {"title": "ab ? [masked: aws key]"}


def test_who_may_not_write_keeps_nothing(owner, stranger, app, requirement):
    guest = make_person("gus", Role.GUEST, app)
    nobody = Caller(name="agent", role=Role.OWNER, project_ids=None)
    for caller, refusal in ((guest.caller, Forbidden), (stranger.caller, NotFound), (nobody, Invalid)):
        with pytest.raises(refusal):
            keep_draft(caller, requirement, {"title": "x"})
    assert EditorDraft.objects.count() == 0


def test_more_than_can_ever_be_saved_is_not_kept(collaborator):
    keep_draft(collaborator.caller, None, {"title": "kept"})
    with pytest.raises(Invalid, match="too long to keep"):
        keep_draft(collaborator.caller, None, {"content_md": "x" * DRAFT_BYTES})
    assert draft_of(collaborator.caller, None).fields == {"title": "kept"}


def test_a_draft_goes_with_its_requirement_and_its_member(owner, collaborator, requirement):
    keep_draft(owner.caller, requirement, {"title": "x"})
    keep_draft(collaborator.caller, None, {"title": "x"})
    requirement.delete()
    collaborator.member.delete()
    assert EditorDraft.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_tabs_at_once_keep_one_draft(collaborator):
    def keep(number):
        keep_draft(collaborator.caller, None, {"title": str(number)})
        connections.close_all()

    threads = [threading.Thread(target=keep, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert draft_of(collaborator.caller, None).fields["title"] in set("012345")
    assert EditorDraft.objects.count() == 1


class AnyWords(TestCase):
    """Whatever is typed is kept, or refused in words."""

    @settings(max_examples=50, deadline=None)
    @given(st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=5))
    def test_any_words_are_kept(self, fields):
        member = Member.objects.create_user("ann", role=Role.COLLABORATOR, all_projects=True)
        Project.objects.create(name="app")
        draft = keep_draft(caller_for_member(member, door="page"), None, fields)
        draft.refresh_from_db()
        assert len(draft.fields) <= len(fields)
