"""A requirement's page: who sees it, what stands on it, and what it costs the database."""

import re
import uuid
from datetime import date
from decimal import Decimal

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access.appearance import link_to_subject
from access.models import AuditEntry, Notification
from access.roles import Role
from memories.saving import save_memory
from requirements_pipeline.commenting import add_comment
from requirements_pipeline.criteria import check_criterion, criteria_of
from requirements_pipeline.models import RequirementState
from requirements_pipeline.moves import move_requirement, promote_requirement
from requirements_pipeline.watching import watch, watchers_of
from requirements_pipeline.writing import edit_requirement, save_requirement
from runs.recording import log_run
from tests.conftest import make_person

pytestmark = pytest.mark.django_db
PAGE_QUERIES = 21
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


# --- criteria, people ------------------------------------------------------------------------------------------------

HTMX = {"HTTP_HX_REQUEST": "true"}


def told(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_criteria_are_checked_one_at_a_time(client, collaborator, stranger, app, requirement):
    address = reverse("requirement-criteria", args=[requirement.pk])
    client.force_login(collaborator.member)
    answer = client.post(address, {"number": 2, "text": "UTF-8", "met": "yes"})
    assert (answer.status_code, answer["Location"]) == (302, page_of(requirement))
    assert [(row.text, row.met_by) for row in criteria_of(requirement)] == [
        ("One row an invoice", None),
        ("UTF-8", "carl"),
    ]
    page = body(client.get(page_of(requirement)))
    assert "1 of 2 met" in page
    assert page.count("checked>") == 1
    fragment = body(client.post(address, {"number": 2, "text": "UTF-8"}, **HTMX))
    assert (fragment.startswith('<div id="checklist">'), "0 of 2 met" in fragment) == (True, True)
    assert "0 of 2 met" in body(client.post(address, {"number": 9, "text": "x", "met": "yes"}, **HTMX))
    client.force_login(stranger.member)
    assert client.post(address, {"number": 1, "met": "yes"}).status_code == 404
    assert client.get(address).status_code == 405


def test_a_list_that_was_rewritten_meanwhile_is_not_checked_by_mistake(client, owner, collaborator, app, requirement):
    client.force_login(collaborator.member)
    save_requirement(owner.caller, app, "Export invoices", acceptance=["Sings", "One row an invoice"])
    answer = client.post(
        reverse("requirement-criteria", args=[requirement.pk]),
        {"number": 1, "text": "One row an invoice", "met": "yes"},
    )
    assert told(answer) == ["The criteria were rewritten since this page was loaded; here they are as they stand."]
    requirement.refresh_from_db()
    assert [row.is_met for row in criteria_of(requirement)] == [False, False]


def test_who_may_write_gives_it_to_somebody_and_guests_only_look(
    client, owner, collaborator, stranger, app, requirement
):
    guest = make_person("gus", Role.GUEST, app)
    address = reverse("requirement-assign", args=[requirement.pk])
    client.force_login(owner.member)
    assert told(client.post(address, {"assignee": "carl"})) == ["Given to carl."]
    requirement.refresh_from_db()
    assert (requirement.assignee, requirement.version) == (collaborator.member, 1)
    assert Notification.objects.filter(kind="assigned").values_list("member__username", flat=True)[0] == "carl"
    page = body(client.get(page_of(requirement)))
    assert [name in page for name in (">carl<", ">olga<", ">sven<", ">gus<")] == [True, True, False, False]
    assert "works in app" in body(client.post(address, {"assignee": "gus"}, **HTMX))
    client.force_login(guest.member)
    page = body(client.get(page_of(requirement)))
    assert [word in page for word in ("Assignee: carl", 'name="assignee"', 'name="met"', 'name="body"')] == [
        True, False, False, False,
    ]  # fmt: skip
    client.post(address, {"assignee": ""})
    requirement.refresh_from_db()
    assert requirement.assignee == collaborator.member
    client.force_login(stranger.member)
    assert client.post(address, {"assignee": ""}).status_code == 404


def test_the_reader_watches_and_stops(client, owner, requirement):
    client.force_login(owner.member)
    address = reverse("requirement-watch", args=[requirement.pk])
    assert "Stop watching" in body(client.post(address, {"wanted": "yes"}, **HTMX))
    assert [member.username for member in watchers_of(requirement)] == ["carl", "olga"]
    client.post(address, {"wanted": "no"})
    assert [member.username for member in watchers_of(requirement)] == ["carl"]
    assert [row.command for row in AuditEntry.objects.order_by("pk")] == ["watch_requirement", "unwatch_requirement"]


# --- comments --------------------------------------------------------------------------------------------------------


def test_comments_are_said_rewritten_deleted_and_brought_back(client, owner, collaborator, app, requirement):
    client.force_login(collaborator.member)
    say = reverse("requirement-comment", args=[requirement.pk])
    assert client.post(say, {"body": "Ask @olga, not @sven."})["Location"] == f"{page_of(requirement)}#comments"
    comment = requirement.comments.get()
    page = body(client.get(page_of(requirement)))
    assert 'Ask <span class="mention">@olga</span>, not @sven.' in page
    edit = reverse("comment-edit", args=[requirement.pk, comment.pk])
    assert "Ask @olga, not @sven." in body(client.get(edit))
    assert "needs words" in body(client.post(edit, {"body": " "}))
    client.post(edit, {"body": "Ask **everybody**."})
    page = body(client.get(page_of(requirement)))
    assert ("Ask <strong>everybody</strong>." in page, "edited" in page) == (True, True)
    client.force_login(owner.member)
    assert client.get(edit).status_code == 404
    answer = client.post(reverse("comment-delete", args=[requirement.pk, comment.pk]))
    undo = reverse("comment-restore", args=[requirement.pk, comment.pk])
    page = body(client.get(answer["Location"]))
    assert ("Deleted the comment." in page, f'action="{undo}"' in page, "everybody" in page) == (True, True, False)
    client.post(undo)
    assert "everybody" in body(client.get(page_of(requirement)))


def test_an_empty_comment_is_refused_and_words_that_are_refused_stay(client, collaborator, requirement):
    client.force_login(collaborator.member)
    say = reverse("requirement-comment", args=[requirement.pk])
    answer = client.post(say, {"body": "x" * 20_001})
    assert (answer.status_code, "20000 is the limit" in body(answer), "x" * 20_001 in body(answer)) == (400, True, True)
    fragment = body(client.post(say, {"body": " "}, **HTMX))
    assert ("A comment needs words." in fragment, 'id="comment-list"' in fragment) == (True, False)
    fragment = body(client.post(say, {"body": "Words"}, **HTMX))
    assert ('id="comment-list" hx-swap-oob' in fragment, "<p>Words</p>" in fragment) == (True, True)


def test_the_list_of_comments_tells_what_changed_meanwhile(client, owner, collaborator, stranger, app, requirement):
    client.force_login(collaborator.member)
    address = reverse("requirement-comments", args=[requirement.pk])
    assert "Somebody moved" not in body(client.get(address, {"seen": "1.submitted"}, **HTMX))
    add_comment(owner.caller, requirement, "New words")
    promote_requirement(owner.caller, requirement)
    fragment = body(client.get(address, {"seen": "1.submitted"}, **HTMX))
    assert [words in fragment for words in ("New words", "Promoted", "Somebody moved or rewrote this")] == [True] * 3
    client.force_login(stranger.member)
    assert client.get(address, **HTMX).status_code == 404
    for name in ("comment-edit", "comment-delete", "comment-restore"):
        there = reverse(name, args=[requirement.pk, requirement.comments.get().pk])
        assert client.post(there, {"body": "x"}).status_code == 404, name


def test_a_comment_of_another_requirement_is_not_found(client, collaborator, app, requirement):
    other = save_requirement(collaborator.caller, app, "Other")
    comment = add_comment(collaborator.caller, other, "There")
    client.force_login(collaborator.member)
    assert client.get(reverse("comment-edit", args=[requirement.pk, comment.pk])).status_code == 404


# --- chain, history --------------------------------------------------------------------------------------------------


def test_the_chain_stands_on_the_page_of_requirement_and_run(client, owner, collaborator, app, requirement):
    promote_requirement(owner.caller, requirement, "prompt")
    run = log_run(
        collaborator.caller, app, requirement_id=requirement.pk, requirement_title=requirement.title, agent="codex",
        cost_usd=Decimal("1.50"), files_modified=["rows.py"], commits=["4fe21c0"], machine="box",
        pull_requests=["https://git.example/app/pulls/7", "javascript:alert(1)"],
    )  # fmt: skip
    save_memory(collaborator.caller, app, "decision", "Semicolons", run_id=run.pk)
    client.force_login(collaborator.member)
    page = body(client.get(page_of(requirement)))
    for words in (
        "Written by <b>carl</b>", "<b>olga</b> moved it from submitted to", "It became", "codex", "box", "$1.50",
        "rows.py", "Semicolons", "4fe21c0", 'href="https://git.example/app/pulls/7"', "1 file modified",
    ):  # fmt: skip
        assert words in page, words
    assert 'href="javascript' not in page
    page = body(client.get(reverse("run", args=[run.pk])))
    for words in ("Promoted by", "olga", f'href="{page_of(requirement)}"', "4fe21c0", "It became"):
        assert words in page, words


def test_costs_stand_on_the_page_of_whom_they_are_for(client, owner, collaborator, app, requirement):
    log_run(owner.caller, app, requirement_id=requirement.pk, cost_usd=Decimal("9.87"))
    log_run(owner.caller, app, requirement_id=requirement.pk, cost_usd=Decimal("0.13"))
    guest = make_person("gus", Role.GUEST, app)
    seen = {}
    for person in (owner, collaborator, guest):
        client.force_login(person.member)
        page = body(client.get(page_of(requirement)))
        seen[person.member.username] = ["$10.00" in page, "$9.87" in page]
    assert seen == {"olga": [True, True], "carl": [True, False], "gus": [False, False]}


def test_versions_are_compared_and_restored_and_that_is_undone(client, owner, collaborator, stranger, app, requirement):
    save_requirement(owner.caller, app, "Export invoices", content_md="As JSON.", acceptance=["UTF-8"], priority=1)
    address = reverse("requirement-history", args=[requirement.pk])
    client.force_login(collaborator.member)
    page = body(client.get(address, {"old": 1, "new": 2}))
    for words in ("As *CSV*.", "As JSON.", "From version 1 to version 2", "Priority", "One row an invoice"):
        assert words in page, words
    for words in ({"old": "x"}, {"old": "9" * 12}, {"old": "-1", "new": "0"}, {"new": "7"}):
        assert client.get(address, words).status_code == 200
    answer = client.post(reverse("requirement-restore", args=[requirement.pk, 1]))
    requirement.refresh_from_db()
    assert (requirement.content_md, requirement.version, answer["Location"]) == ("As *CSV*.", 3, address)
    undo = reverse("requirement-restore", args=[requirement.pk, 2])
    assert f'action="{undo}"' in body(client.get(address))
    client.post(undo)
    requirement.refresh_from_db()
    assert (requirement.content_md, requirement.version) == ("As JSON.", 4)
    assert client.post(reverse("requirement-restore", args=[requirement.pk, 99])).status_code == 404
    client.force_login(make_person("gus", Role.GUEST, app).member)
    client.post(undo)
    assert "Restore" not in body(client.get(address))
    client.force_login(stranger.member)
    assert [client.get(address).status_code, client.post(undo).status_code] == [404, 404]
    requirement.refresh_from_db()
    assert requirement.version == 4


# --- what changes by itself ------------------------------------------------------------------------------------------


def marks_of(answer):
    return dict(re.findall(r'class="seen-mark" name="(\w+)" value="(\w+)"', answer.content.decode()))


def polled(client, requirement, marks):
    """The parts that a poll brings anew to a page with these marks."""
    answer = client.get(reverse("requirement-comments", args=[requirement.pk]), marks, headers={"hx-request": "true"})
    return set(
        re.findall(r'id="(checklist|requirement-facts|requirement-people)"[^>]* hx-swap-oob="true"', body(answer))
    )


def test_a_poll_brings_the_parts_that_others_changed_and_no_others(client, owner, collaborator, requirement):
    client.force_login(collaborator.member)
    marks = marks_of(client.get(page_of(requirement)))
    assert set(marks) == {"seen_checklist", "seen_facts", "seen_people"}
    assert polled(client, requirement, marks) == set()
    check_criterion(owner.caller, requirement, 1, True)
    assert polled(client, requirement, marks) == {"checklist"}
    edit_requirement(owner.caller, requirement, priority=1)
    assert polled(client, requirement, marks) == {"checklist", "requirement-facts"}
    edit_requirement(owner.caller, requirement, assignee="carl")
    assert polled(client, requirement, marks) == {"checklist", "requirement-facts", "requirement-people"}
    fresh = marks_of(client.get(page_of(requirement)))
    assert polled(client, requirement, fresh) == set()
    # A part that the page does not have is not sent to it.
    assert polled(client, requirement, {}) == set()
    assert polled(client, requirement, {"seen_facts": "\x00<b>"}) == {"requirement-facts"}
    edit_requirement(owner.caller, requirement, acceptance=[])
    assert polled(client, requirement, fresh) == {"checklist", "requirement-facts"}
    move_requirement(owner.caller, requirement, RequirementState.REJECTED, reason="No.")
    assert "checklist" in polled(
        client, requirement, marks_of(client.get(page_of(requirement))) | {"seen_checklist": "x"}
    )


def test_what_one_checks_oneself_is_not_brought_again(client, collaborator, requirement):
    client.force_login(collaborator.member)
    marks = marks_of(client.get(page_of(requirement)))
    words = {"number": 1, "text": requirement.acceptance[0], "met": "yes"}
    answer = client.post(reverse("requirement-criteria", args=[requirement.pk]), words, headers={"hx-request": "true"})
    assert polled(client, requirement, marks | marks_of(answer)) == set()


def test_polls_of_strangers_find_nothing_and_a_guest_gets_no_buttons(client, owner, stranger, app, requirement):
    address = reverse("requirement-comments", args=[requirement.pk])
    client.force_login(stranger.member)
    assert client.get(address, {"seen_checklist": "x"}).status_code == 404
    client.force_login(make_person("gus", Role.GUEST, app).member)
    page = body(client.get(address, {"seen_checklist": "x", "seen_people": "x"}))
    assert ("One row an invoice" in page, "<form" in page) == (True, True)
    assert reverse("requirement-criteria", args=[requirement.pk]) not in page
    assert reverse("requirement-assign", args=[requirement.pk]) not in page


@pytest.mark.parametrize("marks", [{}, {"seen_checklist": "x", "seen_facts": "x", "seen_people": "x"}])
def test_a_poll_takes_so_many_statements_however_much_stands_there(
    client, owner, collaborator, app, requirement, marks, django_assert_num_queries
):
    client.force_login(collaborator.member)
    address = reverse("requirement-comments", args=[requirement.pk])
    add_comment(owner.caller, requirement, "Words for @carl and [[Note]]")
    with CaptureQueriesContext(connection) as few:
        client.get(address, marks)
    criteria = [f"Criterion {number}" for number in range(40)]
    edit_requirement(owner.caller, requirement, acceptance=criteria, tags=[f"t{number}" for number in range(20)])
    for number in range(1, 41):
        check_criterion(owner.caller, requirement, number, True)
        add_comment(owner.caller, requirement, f"Words {number} for @carl and [[Note {number}]]")
    for number in range(20):
        watch(make_person(f"p{number}", Role.COLLABORATOR, app).caller, requirement)
    with django_assert_num_queries(len(few)):
        client.get(address, marks)


# --- queries ---------------------------------------------------------------------------------------------------------


def test_the_page_takes_so_many_queries_however_much_stands_on_it(
    client, owner, collaborator, app, requirement, django_assert_num_queries
):
    def fill(count):
        others = [save_requirement(owner.caller, app, f"Other {count}.{number}").title for number in range(count)]
        notes = [save_memory(owner.caller, app, "note", f"Note {count}.{number}").memory.pk for number in range(count)]
        save_requirement(
            owner.caller, app, "Export invoices", depends_on=others, memories=notes,
            content_md=" ".join(f"[[Note {count}.{number}]]" for number in range(count)),
        )  # fmt: skip
        for number in range(count):
            add_comment(owner.caller, requirement, f"Words {number} for @carl and [[Note {count}.{number}]]")
            run = log_run(owner.caller, app, requirement_id=requirement.pk, cost_usd=Decimal(1))
            save_memory(owner.caller, app, "note", f"Learnt {count}.{number}", run_id=run.pk)

    client.force_login(collaborator.member)
    fill(1)
    client.get(page_of(requirement))
    with django_assert_num_queries(PAGE_QUERIES):
        client.get(page_of(requirement))
    fill(30)
    with django_assert_num_queries(PAGE_QUERIES):
        client.get(page_of(requirement))


def test_the_reader_is_offered_exactly_the_moves_of_their_role(client, owner, collaborator, app, requirement):
    guest = make_person("gus", Role.GUEST, app)
    offered = {}
    for person in (owner, collaborator, guest):
        client.force_login(person.member)
        page = client.get(page_of(requirement)).content.decode()
        offered[person.member.username] = re.findall(r'name="to" value="([^"]+)"', page)
    assert offered == {
        "olga": ["draft", "promoted", "promoted-prompt", "promoted-decision", "rejected", "on_hold"],
        "carl": ["draft"],
        "gus": [],
    }
    client.force_login(owner.member)
    move = reverse("requirement-move", args=[requirement.pk])
    answer = client.post(move, {"to": "promoted", "next": page_of(requirement)})
    assert answer["Location"] == page_of(requirement)
    requirement.refresh_from_db()
    assert requirement.state == "promoted"
