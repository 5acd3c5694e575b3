"""Questions about costs: what they add up, and who may ask them."""

import uuid
from datetime import date, timedelta
from decimal import Decimal

import pytest

from access.callers import Caller
from access.errors import Forbidden
from access.roles import Role
from runs.cost_filters import CostFilters, Period
from runs.costs import (
    CostGroup,
    CostSums,
    change,
    cost_report,
    dearest_runs,
    offered_keys,
    spent_by_project,
)
from runs.models import Dimension
from runs.rollups import roll_up_day, roll_up_finished_days
from tests.conftest import make_person
from tests.runs.plain_sums import make_run

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 8)
RANGE = CostFilters(FIRST, LAST)
DAY = timedelta(days=1)


def priced(cost, tokens=1):
    return [("m", (tokens, 0, 0, 0, 0), Decimal(cost), Decimal(0))]


def sums(cost=0, runs=0, tokens=0, unpriced=0):
    return CostSums(runs=runs, tokens_input=tokens, cost_usd=Decimal(cost), unpriced_tokens=unpriced)


@pytest.fixture(params=["live", "rolled up"])
def settle(request):
    """Call it after the runs are made: the same answers from the runs and from the rollups."""
    return (lambda: None) if request.param == "live" else roll_up_finished_days


def test_groups_parts_and_the_range_before(owner, app, secret_project, settle):
    make_run(app, FIRST, priced(3))
    make_run(app, LAST, priced(1))
    make_run(app, FIRST - DAY, priced(2))
    make_run(app, FIRST - 8 * DAY, priced(100))
    make_run(app, LAST + DAY, priced(100))
    make_run(secret_project, FIRST, [("m", (9, 0, 0, 0, 0), None, None)])
    settle()
    report = cost_report(owner.caller, RANGE)
    assert report.groups == [
        CostGroup(str(app.pk), "", sums(4, 2, 2), sums(2, 1, 1)),
        CostGroup(str(secret_project.pk), "", sums(0, 1, 9, unpriced=9), sums()),
    ]
    assert report.total == sums(4, 3, 11, unpriced=9)
    assert report.before == sums(2, 1, 1)
    assert change(report.total, report.before) == 1
    assert report.parts == [
        (FIRST, sums(3, 2, 10, unpriced=9)),
        *((FIRST + n * DAY, sums()) for n in range(1, 6)),
        (LAST, sums(1, 1, 1)),
    ]
    assert [group.key for group in report.drawn] == [str(app.pk), str(secret_project.pk)]
    assert report.cells == {
        (FIRST, str(app.pk)): Decimal(3),
        (LAST, str(app.pk)): Decimal(1),
        (FIRST, str(secret_project.pk)): Decimal(0),
    }


def test_weeks_begin_on_monday_and_months_on_their_first(owner, app, settle):
    make_run(app, date(2026, 2, 28), priced(1))
    make_run(app, date(2026, 3, 1), priced(2))
    make_run(app, date(2026, 3, 2), priced(4))
    settle()
    days = (date(2026, 2, 27), date(2026, 3, 3))
    weeks = cost_report(owner.caller, CostFilters(*days, Period.WEEK)).parts
    months = cost_report(owner.caller, CostFilters(*days, Period.MONTH)).parts
    assert weeks == [(date(2026, 2, 23), sums(3, 2, 2)), (date(2026, 3, 2), sums(4, 1, 1))]
    assert months == [(date(2026, 2, 1), sums(1, 1, 1)), (date(2026, 3, 1), sums(6, 2, 2))]


def test_eight_groups_are_drawn_and_five_hundred_listed(owner, app, settle):
    for number in range(503):
        make_run(app, FIRST, priced(1000 - number), prompt_name=f"p{number:03}")
    settle()
    report = cost_report(owner.caller, RANGE.grouped_by(Dimension.PROMPT))
    assert [group.key for group in report.drawn] == [f"p{number:03}" for number in range(8)]
    assert len(report.cells) == 8
    assert [group.key for group in report.groups] == [*(f"p{number:03}" for number in range(500)), None]
    assert report.groups[-1].sums == sums(500 + 499 + 498, 3, 3)
    assert report.left_out == 3
    few = cost_report(owner.caller, RANGE.grouped_by(Dimension.PROMPT), groups=20)
    assert [group.key for group in few.groups] == [*(f"p{number:03}" for number in range(20)), None]
    assert (few.left_out, few.total, few.drawn, few.cells) == (483, report.total, report.drawn, report.cells)
    every = cost_report(owner.caller, RANGE.grouped_by(Dimension.PROMPT), groups=None)
    assert [group.key for group in every.groups] == [f"p{number:03}" for number in range(503)]
    assert (every.left_out, every.total) == (0, report.total)


def test_a_group_of_the_days_before_alone_counts_among_those_left_out(owner, app, settle):
    make_run(app, FIRST, priced(3), prompt_name="now")
    make_run(app, FIRST - timedelta(days=1), priced(9), prompt_name="then")
    settle()
    report = cost_report(owner.caller, RANGE.grouped_by(Dimension.PROMPT), groups=1)
    assert [(group.key, group.sums.runs, group.before.runs) for group in report.groups] == [("now", 1, 0), (None, 0, 1)]
    assert report.left_out == 1


def test_what_has_no_price_is_not_nothing():
    assert sums(0, 1).known_cost_usd is None
    assert sums(0, 1, 5, unpriced=5).known_cost_usd is None
    assert sums(0, 1, 5).known_cost_usd == 0
    assert sums(2, 1, 5, unpriced=4).known_cost_usd == 2
    assert change(sums(2), sums(0)) is None
    assert change(sums(0), sums(2)) == -1


def test_a_prompt_is_its_id_whatever_its_name_was(owner, app, settle):
    prompt = uuid.uuid4()
    make_run(app, FIRST, priced(1), prompt_id=prompt, prompt_name="old name")
    make_run(app, LAST, priced(2), prompt_id=prompt, prompt_name="the new one")
    make_run(app, LAST, priced(4), prompt_name="told by name only")
    make_run(app, LAST, priced(8))
    settle()
    asked = RANGE.grouped_by(Dimension.PROMPT)
    assert [(group.key, group.label, group.sums.cost_usd) for group in cost_report(owner.caller, asked).groups] == [
        ("", "", Decimal(8)),
        ("told by name only", "told by name only", Decimal(4)),
        (str(prompt), "the new one", Decimal(3)),
    ]
    only = CostFilters(FIRST, LAST, group=Dimension.AGENT, only={Dimension.PROMPT: str(prompt)})
    assert cost_report(owner.caller, only).total == sums(3, 2, 2)


# --- who may ask -----------------------------------------------------------------------------------------------------


def test_a_scope_bounds_every_answer(owner, collaborator, stranger, app, secret_project, settle):
    mine = make_run(app, FIRST, priced(1), member=collaborator.member, person="carl", agent="a")
    theirs = make_run(secret_project, FIRST, priced(2), member=stranger.member, person="sven", agent="b")
    settle()
    for person, cost, runs, agents in (
        (owner, 3, [theirs, mine], ["a", "b"]),
        (collaborator, 1, [mine], ["a"]),
        (stranger, 2, [theirs], ["b"]),
    ):
        assert cost_report(person.caller, RANGE).total.cost_usd == cost
        assert cost_report(person.caller, RANGE.grouped_by(Dimension.AGENT)).total.cost_usd == cost
        assert dearest_runs(person.caller, RANGE) == runs
        assert offered_keys(person.caller)[Dimension.AGENT] == agents
    elsewhere = CostFilters(FIRST, LAST, project_ids=(app.pk,))
    assert cost_report(stranger.caller, elsewhere).groups == []
    assert dearest_runs(stranger.caller, elsewhere) == []
    assert offered_keys(stranger.caller, (app.pk,))[Dimension.AGENT] == []


def test_costs_of_persons_need_an_admin(collaborator, stranger, secret_project, app):
    by_person = RANGE.grouped_by(Dimension.PERSON)
    of_person = CostFilters(FIRST, LAST, only={Dimension.PERSON: "olga"})
    for asked in (by_person, of_person):
        with pytest.raises(Forbidden) as refused:
            cost_report(collaborator.caller, asked)
        assert refused.value.fields() == {
            "error": "insufficient permissions",
            "required_role": "admin",
            "hint": "What single persons cost is shown to admins and owners. "
            "Ask without person, or for your own runs (mine).",
        }
        with pytest.raises(Forbidden):
            dearest_runs(collaborator.caller, asked)
        assert cost_report(stranger.caller, asked).groups == []
    assert set(offered_keys(collaborator.caller)) == {Dimension.AGENT, Dimension.MODEL, Dimension.MACHINE}
    assert set(offered_keys(stranger.caller)) == {*offered_keys(collaborator.caller), Dimension.PERSON}


def test_a_guest_sees_no_costs(app):
    guest = make_person("gus", Role.GUEST, app).caller
    for question in (cost_report, dearest_runs):
        with pytest.raises(Forbidden) as refused:
            question(guest, RANGE)
        assert refused.value.extra == {"required_role": "collaborator"}


def test_a_collaborator_sees_the_whole_project_and_of_single_runs_their_own(owner, collaborator, app, settle):
    own = make_run(app, FIRST, priced(1), member=collaborator.member, person="carl", agent="a")
    make_run(app, FIRST, priced(2), member=owner.member, person="olga", agent="a")
    # A token of nobody's may bear anyone's name; its runs are not theirs.
    make_run(app, FIRST, priced(4), person="carl", agent="a")
    settle()
    assert cost_report(collaborator.caller, RANGE).total == sums(7, 3, 3)
    assert dearest_runs(collaborator.caller, RANGE) == [own]
    mine = CostFilters(FIRST, LAST, group=Dimension.PERSON, mine=True)
    assert cost_report(collaborator.caller, mine).groups == [CostGroup("carl", "carl", sums(1, 1, 1), sums())]
    token = Caller(name="carl", role=Role.COLLABORATOR, project_ids=frozenset([app.pk]))
    assert cost_report(token, mine).total == sums(4, 1, 1)


def test_the_dearest_runs_come_first_and_match_the_filters(owner, app, secret_project):
    prompt = uuid.uuid4()
    cheap = make_run(app, FIRST, priced(1), agent="a", prompt_id=prompt)
    dear = make_run(app, LAST, [*priced(5), ("n", (1, 0, 0, 0, 0), Decimal(2), None)], agent="a")
    other = make_run(secret_project, LAST, priced(6), agent="b", requirement_title="R")
    make_run(app, LAST + DAY, priced(100))
    make_run(app, LAST)

    def found(**only):
        filters = CostFilters(FIRST, LAST, only={Dimension(name): key for name, key in only.items()})
        return dearest_runs(owner.caller, filters)

    assert found() == [dear, other, cheap]
    assert dearest_runs(owner.caller, RANGE, limit=1) == [dear]
    assert found(agent="a") == [dear, cheap]
    assert found(model="n") == [dear]
    assert found(prompt=str(prompt)) == [cheap]
    assert found(prompt="") == [dear, other]
    assert found(requirement="R") == [other]


def test_what_projects_spent(owner, app, secret_project, settle):
    make_run(app, FIRST, priced("1.25"))
    make_run(app, LAST, priced(2))
    make_run(app, FIRST - DAY, priced(50))
    make_run(secret_project, LAST, priced(8))
    settle()
    assert spent_by_project(None, FIRST, LAST) == {app.pk: Decimal("3.25"), secret_project.pk: Decimal(8)}
    assert spent_by_project([app.pk], FIRST, LAST) == {app.pk: Decimal("3.25")}
    assert spent_by_project([], FIRST, LAST) == {}


@pytest.mark.parametrize(
    ("group", "only", "queries"),
    [
        (Dimension.PROJECT, {}, 1),
        (Dimension.MODEL, {Dimension.AGENT: "a"}, 1),
        (Dimension.MODEL, {Dimension.REQUIREMENT: "r"}, 1),
    ],
)
def test_a_report_is_one_query(owner, app, django_assert_num_queries, group, only, queries):
    make_run(app, FIRST, priced(1))
    roll_up_day(app.pk, FIRST)
    with django_assert_num_queries(queries):
        cost_report(owner.caller, CostFilters(FIRST, LAST, group=group, only=only))
