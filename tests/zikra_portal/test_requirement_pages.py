"""A requirement's page: who sees it, what stands on it, and what it costs the database."""

import uuid
from datetime import date

import pytest
from django.urls import reverse

from access.appearance import link_to_subject
from access.models import AuditEntry
from access.roles import Role
from memories.saving import save_memory
from requirements_pipeline.commenting import add_comment
from requirements_pipeline.criteria import check_criterion
from requirements_pipeline.writing import save_requirement
from tests.conftest import make_person

pytestmark = pytest.mark.django_db
HOSTILE = '<script>alert("x")</script>'


def page_of(requirement):
    return reverse("requirement", args=[requirement.pk])


def body(answer):
    return " ".join(answer.content.decode().split())


@pytest.fixture
def requirement(collaborator, app):
    return save_requirement(
        collaborator.caller, app, "Export invoices", content_md="As *CSV*.", acceptance=["One row an invoice", "UTF-8"]
    )


def test_a_requirement_stands_behind_the_login_and_is_not_found_out_of_sight(
    client, owner, collaborator, stranger, app, requirement
):
    guest = make_person("gus", Role.GUEST, app)
    assert client.get(page_of(requirement))["Location"] == f"/accounts/login/?next={page_of(requirement)}"
    seen = {}
    for person in (owner, collaborator, guest, stranger):
        client.force_login(person.member)
        seen[person.member.username] = client.get(page_of(requirement)).status_code
    assert seen == {"olga": 200, "carl": 200, "gus": 200, "sven": 404}
    assert client.get(reverse("requirement", args=[uuid.uuid4()])).status_code == 404


def test_the_page_says_what_is_wanted_and_how_far_it_is(client, owner, collaborator, app, requirement):
    guide = save_memory(collaborator.caller, app, "note", "CSV guide").memory
    awaited = save_requirement(collaborator.caller, app, "Round amounts")
    save_requirement(
        collaborator.caller, app, "Export invoices", content_md="As *CSV*, see [[csv guide]].", module="billing",
        tags=["export"], due_on=date(2031, 5, 6), assignee="carl", depends_on=["Round amounts"], memories=[guide.pk],
    )  # fmt: skip
    check_criterion(owner.caller, requirement, 2, True)
    add_comment(owner.caller, requirement, "Which **separator**?")
    client.force_login(collaborator.member)
    page = body(client.get(page_of(requirement)))
    for words in (
        "As <em>CSV</em>", 'class="wikilink"', "billing", ">export</span>", "6 May 2031", "One row an invoice",
        "<strong>separator</strong>", "CSV guide", f'href="{page_of(awaited)}"',
    ):  # fmt: skip
        assert words in page, words
    assert f'href="{page_of(requirement)}"' in body(client.get(page_of(awaited)))


def test_what_people_wrote_is_shown_as_they_wrote_it(client, collaborator, app):
    hostile = save_requirement(
        collaborator.caller, app, f"{HOSTILE} title", content_md=HOSTILE, acceptance=[HOSTILE], module=HOSTILE,
        tags=[HOSTILE],
    )  # fmt: skip
    add_comment(collaborator.caller, hostile, f"{HOSTILE} [x](javascript:alert(1))")
    client.force_login(collaborator.member)
    page = client.get(page_of(hostile)).content.decode()
    assert "<script>alert" not in page
    assert 'href="javascript:' not in page
    assert page.count("&lt;script&gt;alert") >= 6


def test_the_audit_leads_to_the_page(requirement):
    row = AuditEntry(object_type="requirement", object_id=str(requirement.pk), object_title="Export invoices")
    assert link_to_subject(row) == f'<a href="{page_of(requirement)}">Export invoices</a>'
