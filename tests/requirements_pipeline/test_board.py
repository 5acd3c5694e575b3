"""The board of requirements: who sees what in which column, and what the filters leave."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from access.roles import Role
from requirements_pipeline import board
from requirements_pipeline.appearance import due_shown, is_overdue, priority_shown, requirement_state
from requirements_pipeline.board import BoardFilters, asked_requirements, board_choices, board_of, with_card_facts
from requirements_pipeline.criteria import check_criterion
from requirements_pipeline.models import Requirement, RequirementState
from requirements_pipeline.moves import move_requirement, promote_requirement
from requirements_pipeline.ordering import reorder
from requirements_pipeline.pulling import pull_requirement
from requirements_pipeline.writing import save_requirement
from tests.conftest import make_person

TODAY = date(2026, 11, 21)


def shown(found: board.Board) -> dict[str, list[str]]:
    return {column.state: [card.title for card in column.cards] for column in (*found.flow, *found.aside)}


def titles(caller, **filters) -> list[str]:
    return sorted(row.title for row in asked_requirements(caller, None, BoardFilters(**filters), TODAY))


def test_each_state_has_its_column_and_everybody_sees_their_projects(
    owner, collaborator, stranger, app, secret_project
):
    save_requirement(collaborator.caller, app, "Written", state="draft")
    save_requirement(collaborator.caller, app, "Sent")
    promote_requirement(owner.caller, save_requirement(collaborator.caller, app, "Wanted"))
    hidden = save_requirement(stranger.caller, secret_project, "Skunks")
    move_requirement(owner.caller, hidden, RequirementState.REJECTED, reason="No skunks.")
    empty = dict.fromkeys(
        ["draft", "submitted", "promoted", "in_progress", "in_review", "done", "on_hold", "rejected"], []
    )
    of_app = {**empty, "draft": ["Written"], "submitted": ["Sent"], "promoted": ["Wanted"]}
    assert {person.member.username: shown(board_of(person.caller)) for person in (owner, collaborator, stranger)} == {
        "olga": {**of_app, "rejected": ["Skunks"]},
        "carl": of_app,
        "sven": {**empty, "rejected": ["Skunks"]},
    }
    assert list(shown(board_of(owner.caller))) == list(empty)
    assert shown(board_of(owner.caller, [app.pk])) == of_app
    assert board_of(owner.caller).count == 4
    assert board_of(owner.caller, []).count == 0


def test_a_column_shows_its_first_and_tells_how_many_are_left_out(owner, app, monkeypatch):
    monkeypatch.setattr(board, "CARDS_A_COLUMN", 3)
    now = timezone.now()
    rows = [
        Requirement(project=app, title=f"{priority}-{age}", priority=priority, created_at=now - timedelta(days=age))
        for priority in (2, 1, 3)
        for age in (2, 1)
    ]
    Requirement.objects.bulk_create(rows)
    save_requirement(owner.caller, app, "Other column", state="draft")
    found = board_of(owner.caller)
    assert shown(found)["submitted"] == ["1-1", "1-2", "2-1"]
    assert [(column.state, column.count, column.left_out) for column in found.flow[:2]] == [
        ("draft", 1, 0),
        ("submitted", 6, 3),
    ]
    reorder(owner.caller, [Requirement.objects.get(title="2-2").pk])
    assert shown(board_of(owner.caller))["submitted"] == ["1-1", "1-2", "2-2"]


def test_what_was_done_long_ago_is_left_to_the_list(owner, app):
    now = timezone.now()
    for days in (29, 31):
        for state in (RequirementState.DONE, RequirementState.REJECTED):
            Requirement.objects.create(
                project=app, title=f"{state} {days}", state=state, updated_at=now - timedelta(days=days)
            )
    found = board_of(owner.caller)
    assert (shown(found)["done"], found.flow[-1].count) == (["done 29"], 1)
    assert shown(found)["rejected"] == ["rejected 31", "rejected 29"]
    assert titles(owner.caller, status="done") == ["done 29", "done 31"]


def test_cards_tell_what_is_met_and_what_they_wait_for(owner, collaborator, app):
    save_requirement(collaborator.caller, app, "First", state="draft")
    done = save_requirement(collaborator.caller, app, "Done")
    Requirement.objects.filter(pk=done.pk).update(state=RequirementState.DONE)
    save_requirement(collaborator.caller, app, "Second", depends_on=["First"], acceptance=["One", "Two", "Three"])
    last = save_requirement(
        collaborator.caller, app, "Last", depends_on=["First", "Second", "Done"], acceptance=["One"]
    )
    check_criterion(collaborator.caller, Requirement.objects.get(title="Second"), 1, True)
    check_criterion(collaborator.caller, Requirement.objects.get(title="Second"), 3, True)
    facts = {row.title: (row.waits_for, row.criteria_met) for row in with_card_facts(Requirement.objects.all())}
    assert facts == {"First": (0, 0), "Done": (0, 0), "Second": (1, 2), "Last": (2, 0)}
    assert titles(owner.caller, blocked="yes") == ["Last", "Second"]
    assert titles(owner.caller, blocked="no") == ["First"]
    assert last.pk in {row.pk for row in asked_requirements(owner.caller, None, BoardFilters(blocked="yes"))}


def test_the_filters_bound_by_what_they_say_and_together(owner, collaborator, app):
    guest = make_person("gus", Role.GUEST, app)
    save_requirement(
        collaborator.caller, app, "Export invoices", content_md="As CSV, 100% of them.", module="billing",
        tags=["csv", "q4"], priority=1, due_on=TODAY - timedelta(days=1), assignee="carl",
    )  # fmt: skip
    save_requirement(owner.caller, app, "Import orders", module="orders", tags=["csv"], due_on=TODAY, state="draft")
    save_requirement(owner.caller, app, "Print labels", due_on=TODAY + timedelta(days=8), created_by="a PM")
    found = {
        "text": (
            titles(guest.caller, text="CSV invoices"),
            titles(guest.caller, text="100%"),
            titles(guest.caller, text="o_"),
        ),
        "assignee": (titles(guest.caller, assignee="carl"), titles(guest.caller, assignee="-")),
        "author": (titles(guest.caller, author="carl"), titles(guest.caller, author="a PM")),
        "module": titles(guest.caller, module="orders"),
        "tag": (titles(guest.caller, tag="csv"), titles(guest.caller, tag="q")),
        "priority": (titles(guest.caller, priority=1), titles(guest.caller, priority=2)),
        "due": [titles(guest.caller, due=word) for word in ("overdue", "week", "set", "-", "some day")],
        "mine": [titles(person.caller, mine=True) for person in (guest, collaborator, owner)],
        "status": [titles(guest.caller, status=word) for word in ("draft", "pending", "resolved")],
        "together": titles(guest.caller, tag="csv", module="billing", due="overdue"),
    }
    every = ["Export invoices", "Import orders", "Print labels"]
    assert found == {
        "text": (["Export invoices"], ["Export invoices"], []),
        "assignee": (["Export invoices"], ["Import orders", "Print labels"]),
        "author": (["Export invoices"], ["Print labels"]),
        "module": ["Import orders"],
        "tag": (["Export invoices", "Import orders"], []),
        "priority": (["Export invoices"], []),
        "due": [["Export invoices"], ["Import orders"], every, [], every],
        "mine": [[], ["Export invoices"], ["Import orders", "Print labels"]],
        "status": [["Import orders"], every, []],
        "together": ["Export invoices"],
    }


def test_what_one_works_on_is_ones_own(owner, collaborator, app):
    promote_requirement(owner.caller, save_requirement(owner.caller, app, "Wanted"))
    assert titles(collaborator.caller, mine=True) == []
    pull_requirement(collaborator.caller)
    assert titles(collaborator.caller, mine=True) == ["Wanted"]


def test_choices_are_the_words_in_sight(owner, collaborator, stranger, app, secret_project):
    collaborator.member.first_name, collaborator.member.last_name = "Carla", "Zimt"
    collaborator.member.save()
    save_requirement(owner.caller, app, "A", module="m", tags=["b", "a"], assignee="carl", created_by="Zed")
    save_requirement(owner.caller, app, "B", tags=["B", "c"])
    save_requirement(stranger.caller, secret_project, "C", module="skunks", tags=["stink"])
    mine = board_choices(collaborator.caller)
    assert (mine.assignees, mine.authors, mine.modules, mine.tags) == (
        [("carl", "Carla Zimt")],
        ["olga", "Zed"],
        ["m"],
        ["a", "B", "b", "c"],
    )
    assert board_choices(stranger.caller).modules == ["skunks"]
    assert board_choices(owner.caller, [app.pk]).modules == ["m"]
    assert board_choices(owner.caller, []) == board.BoardChoices([], [], [], [])


@pytest.mark.parametrize("rows", [3, 60])
def test_a_board_takes_two_queries_whatever_it_holds(owner, app, django_assert_num_queries, rows):
    for number in range(rows):
        depends_on = [f"R{number - 1}"] if number else []
        save_requirement(owner.caller, app, f"R{number}", acceptance=["a"], depends_on=depends_on, assignee="olga")
    with django_assert_num_queries(2):
        cards = board_of(owner.caller).flow[1].cards
        assert {(card.project.name, str(card.assignee)) for card in cards} == {("app", "olga")}
    with django_assert_num_queries(1):
        board_choices(owner.caller)


def test_looks_are_words_and_shapes(owner, app):
    late = Requirement(title="x", project=app, state="in_progress", due_on=TODAY)
    assert requirement_state(late) == '<span class="state">In progress</span>'
    assert priority_shown(1) == (
        '<span class="priority priority-1" title="Priority 1 of 5"><span aria-hidden="true">↑↑</span> Urgent</span>'
    )
    assert [is_overdue(late, TODAY + timedelta(days=days)) for days in (-1, 0, 1)] == [False, False, True]
    assert due_shown(late, TODAY) == '<span class="nowrap">due 21 Nov</span>'
    assert due_shown(late, date(2025, 12, 31)) == '<span class="nowrap">due 21 Nov 2026</span>'
    assert due_shown(late, TODAY + timedelta(days=1)) == '<span class="state state-bad">overdue, 21 Nov</span>'
    assert due_shown(late, date(2027, 1, 1)) == '<span class="state state-bad">overdue, 21 Nov 2026</span>'
    late.state = "done"
    assert due_shown(late, TODAY + timedelta(days=1)) == '<span class="nowrap">due 21 Nov</span>'
    late.due_on = None
    assert (due_shown(late), is_overdue(late)) == ("", False)
