"""Audit rows: whole, masked, and storable whatever was sent."""

import pytest
from django.db import transaction

from access.audit import AuditSubject, record, record_done
from access.callers import Caller
from access.models import AuditEntry, AuditOutcome
from access.roles import Role


def test_a_row_tells_who_did_what_where(collaborator, app):
    caller = collaborator.caller.through("mcp", request_id="r1", address="10.0.0.5")
    record_done(caller, "save_memory", subject=AuditSubject("memory", "id1", "Title", app.pk), detail="created")
    row = AuditEntry.objects.get()
    assert (row.caller, row.role, row.token, row.member, row.door) == (
        "carl",
        "collaborator",
        collaborator.token,
        collaborator.member,
        "mcp",
    )
    assert (row.command, row.project, row.object_type, row.object_id, row.object_title) == (
        "save_memory",
        app,
        "memory",
        "id1",
        "Title",
    )
    assert (row.outcome, row.status, row.detail, row.request_id, row.address) == (
        AuditOutcome.DONE,
        200,
        "created",
        "r1",
        "10.0.0.5",
    )


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 5000, "😀" * 600])
def test_whatever_was_sent_can_be_stored(text):
    caller = Caller(name=text, role=Role.GUEST, project_ids=None, request_id=text)
    record(caller, text, AuditOutcome.INVALID, 400, subject=AuditSubject(text, text, text), detail=text)
    row = AuditEntry.objects.get()
    assert (len(row.command) <= 80, len(row.detail) <= 500, len(row.object_id) <= 64) == (True, True, True)


@pytest.mark.django_db
def test_secrets_are_masked():
    caller = Caller(name="x", role=Role.GUEST, project_ids=None)
    record(
        caller,
        "c",
        AuditOutcome.INVALID,
        400,
        subject=AuditSubject("memory", "1", "API_KEY=abc"),
        detail="password: hunter2",
    )
    assert AuditEntry.objects.values_list("object_title", "detail").get() == (
        "API_KEY=[masked: key]",
        "password: [masked: password]",
    )


@pytest.mark.django_db
def test_a_row_goes_with_the_write_it_belongs_to():
    caller = Caller(name="x", role=Role.GUEST, project_ids=None)

    def write_and_fail() -> None:
        with transaction.atomic():
            record_done(caller, "c")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert AuditEntry.objects.count() == 0


def test_a_scoped_reader_sees_the_rows_of_their_projects(owner, collaborator, stranger, app):
    record_done(owner.caller, "a", subject=AuditSubject(project_id=app.pk))
    record_done(owner.caller, "b")
    assert list(AuditEntry.objects.visible_to(collaborator.caller).values_list("command", flat=True)) == ["a"]
    assert list(AuditEntry.objects.visible_to(stranger.caller)) == []
    assert AuditEntry.objects.visible_to(owner.caller).count() == 2
