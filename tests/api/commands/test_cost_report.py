"""The command `cost_report`."""

from datetime import date
from decimal import Decimal

import pytest

from access.roles import Role
from runs.budgets import save_budget
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person
from tests.runs.plain_sums import make_run

SATURDAY = "2026-11-21T12:00:00Z"


@pytest.fixture(autouse=True)
def _on_a_saturday(time_machine):
    time_machine.move_to(SATURDAY)


def usage(cost, model="m", tokens=(1, 2, 3, 4, 5)):
    return [(model, tokens, None if cost is None else Decimal(cost), Decimal(0))]


@pytest.fixture
def runs(app, secret_project, collaborator, owner):
    """Two runs of `app` in November, one in October, one without a price, and one of another project."""
    carls = {"member": collaborator.member, "person": "carl", "agent": "codex"}
    olgas = {"member": owner.member, "person": "olga", "agent": "claude-code"}
    return [
        make_run(app, date(2026, 11, 2), usage("1.25"), **carls),
        make_run(app, date(2026, 11, 20), usage("2.5", "n"), **olgas),
        make_run(app, date(2026, 11, 20), usage(None, "new-model"), **olgas),
        make_run(app, date(2026, 10, 31), usage("3"), **olgas),
        make_run(secret_project, date(2026, 11, 20), usage("100"), **olgas),
    ]


def sums(cost, runs=0, times=0, unpriced=0):
    """The sums of so many runs whose tokens are those above."""
    return {
        "runs": runs,
        "tokens_input": times,
        "tokens_output": 2 * times,
        "tokens_cache_read": 3 * times,
        "tokens_cache_write_5m": 4 * times,
        "tokens_cache_write_1h": 5 * times,
        "unpriced_tokens": unpriced,
        "cost_usd": cost,
        "cache_savings_usd": 0.0,
    }


def test_sums_by_part_and_group_with_the_dearest_runs_and_budgets(tell, collaborator, owner, app, runs):
    save_budget(owner.caller, app, Decimal(4))
    answer = tell(collaborator, "costs", first="2026-11-02", last="2026-11-21", by="week", group="model")
    assert answer == {
        "project": "app",
        "first": "2026-11-02",
        "last": "2026-11-21",
        "by": "week",
        "group": "model",
        "total": sums(3.75, 3, 3, unpriced=15),
        "before": sums(3.0, 1, 1),
        "change": 0.25,
        "groups": [
            {"key": "n", "name": "n", **sums(2.5, 1, 1), "before_usd": None, "change": None},
            {"key": "m", "name": "m", **sums(1.25, 1, 1), "before_usd": 3.0, "change": -0.5833},
            {
                "key": "new-model",
                "name": "new-model",
                **sums(None, 1, 1, unpriced=15),
                "before_usd": None,
                "change": None,
            },
        ],
        "parts": [
            {"first": "2026-11-02", **sums(1.25, 1, 1)},
            {"first": "2026-11-09", **sums(None)},
            {"first": "2026-11-16", **sums(2.5, 2, 2, unpriced=15)},
        ],
        "dearest_runs": [
            {
                "id": str(runs[0].pk),
                "project": "app",
                "started_at": "2026-11-02T12:00:00Z",
                "person": "carl",
                "agent": "codex",
                "model": "m",
                "machine": "",
                "prompt_name": "",
                "requirement_title": "",
                "cost_source": "computed",
                "cost_usd": 1.25,
            }
        ],
        "budgets": [
            {
                "project": "app",
                "month": "2026-11",
                "spent_usd": 3.75,
                "budget_usd": 4.0,
                "percent": 93,
                "thresholds_reached": [50, 80],
                "stops_runs": False,
            }
        ],
        "_use_command": "cost_report",
        "_was_alias": True,
        "_raw_command": "costs",
    }


def test_filters_narrow_it(tell, owner, runs):
    answer = tell(owner, "cost_report", project="app", range="this_month", group="person", agent="codex")
    assert [(group["key"], group["cost_usd"]) for group in answer["groups"]] == [("carl", 1.25)]
    assert (answer["agent"], answer["total"]["cost_usd"]) == ("codex", 1.25)
    assert [run["cost_usd"] for run in answer["dearest_runs"]] == [1.25]


def test_projects_are_named(tell, owner, runs):
    answer = tell(owner, "cost_report", range="this_month")
    assert [(group["key"], group["name"], group["cost_usd"]) for group in answer["groups"]] == [
        ("skunkworks", "skunkworks", 100.0),
        ("app", "app", 3.75),
    ]


def test_persons_need_an_admin_and_ones_own_do_not(client, tell, collaborator, stranger, runs):
    for asked in ({"group": "person"}, {"person": "olga"}):
        body = {"command": "cost_report", **asked}
        response = client.post("/webhook/zikra", body, content_type="application/json", **collaborator.authorization)
        assert needs(response) == (403, "insufficient permissions", "admin")
        assert response.json()["hint"].startswith("What single persons cost is shown to admins and owners.")
    answer = tell(collaborator, "cost_report", group_by="person", mine=True)
    assert [(group["key"], group["cost_usd"]) for group in answer["groups"]] == [("carl", 1.25)]
    of_people = tell(stranger, "cost_report", group="person")
    assert [(group["key"], group["cost_usd"]) for group in of_people["groups"]] == [("olga", 100.0)]


def test_a_stranger_learns_nothing_and_a_guest_is_refused(ask, tell, stranger, app, runs):
    assert refusal(ask(stranger, "cost_report", project="app")) == (403, "token_scope_mismatch")
    assert tell(stranger, "cost_report", range="this_year")["total"]["cost_usd"] == 100.0
    guest = make_person("gus", Role.GUEST, app)
    assert needs(ask(guest, "cost_report")) == (403, "insufficient permissions", "collaborator")


def test_nothing_yet_is_an_answer_too(tell, collaborator):
    answer = tell(collaborator, "cost_report", range="last_7_days")
    assert without(answer, "parts", "_use_command", "before") == {
        "project": "app",
        "first": "2026-11-15",
        "last": "2026-11-21",
        "by": "day",
        "group": "project",
        "total": sums(None),
        "change": None,
        "groups": [],
        "dearest_runs": [],
        "budgets": [],
    }
    assert [part["first"] for part in answer["parts"]] == [f"2026-11-{day}" for day in range(15, 22)]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"group": "team"}, "group: 'team' is none of project, person, agent, model, machine, prompt, requirement."),
        ({"by": "hour"}, "by: 'hour' is none of day, week, month."),
        ({"first": "01.11.2026"}, "first: '01.11.2026' is no day; write it as in 2026-11-21."),
        ({"first": "2026-11-02", "last": "2026-11-01"}, "first: 2026-11-02 lies after the last day, 2026-11-01."),
        ({"mine": "yes"}, "mine must be true or false, not a string"),
    ],
)
def test_what_cannot_be_meant_is_refused(ask, collaborator, asked, error):
    assert refusal(ask(collaborator, "cost_report", **asked)) == (400, error)
