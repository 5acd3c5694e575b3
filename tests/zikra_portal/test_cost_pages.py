"""The costs page, its CSV and pricing again, for owner, collaborator, stranger and guest."""

import csv
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.models import Project
from access.roles import Role
from runs.budgets import save_budget
from runs.models import ModelPrice, Run
from runs.recording import log_run
from runs.rollups import roll_up_finished_days
from tests.conftest import make_person
from tests.runs.plain_sums import make_run
from zikra_portal.cost_tables import harmless

DAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _on_a_saturday(time_machine):
    time_machine.move_to("2026-11-21T12:00:00Z")


def usage(cost, model="m", tokens=(1, 2, 3, 4, 5)):
    return [(model, tokens, None if cost is None else Decimal(cost), Decimal(0))]


@pytest.fixture
def runs(app, secret_project, collaborator, owner):
    """Carl's and Olga's runs in `app`, and one of another project."""
    carls = {"member": collaborator.member, "person": "carl", "agent": "codex", "machine": "anvil"}
    olgas = {"member": owner.member, "person": "olga", "agent": "claude-code", "machine": "bellows"}
    return {
        "carl": make_run(app, DAY, usage("1.25"), **carls),
        "olga": make_run(app, DAY, usage("2.5", "n"), requirement_title="Export", **olgas),
        "unpriced": make_run(app, DAY, usage(None, "new-model"), **olgas),
        "before": make_run(app, date(2026, 10, 1), usage("3"), **olgas),
        "secret": make_run(secret_project, DAY, usage("100"), **olgas),
    }


def opened(client, person, address="/costs/"):
    client.force_login(person.member)
    return client.get(address)


def table(answer, name):
    return answer.context[name]


def rows_of(answer):
    return [(row.name, row.sums.known_cost_usd, row.sums.runs) for row in answer.context["rows"]]


def csv_of(client, person, address="/costs.csv"):
    answer = opened(client, person, address)
    assert answer.status_code == 200
    text = answer.content.decode("utf-8-sig")
    return list(csv.reader(StringIO(text)))


# --- what is seen ----------------------------------------------------------------------------------------------------


def test_each_sees_the_sums_of_their_scope(client, owner, collaborator, stranger, app, runs):
    answers = {person.member.username: opened(client, person) for person in (owner, collaborator, stranger)}
    assert {name: rows_of(answer) for name, answer in answers.items()} == {
        "olga": [("skunkworks", Decimal(100), 1), ("app", Decimal("3.75"), 3)],
        "carl": [("app", Decimal("3.75"), 3)],
        "sven": [("skunkworks", Decimal(100), 1)],
    }
    assert {name: [run.pk for run in answer.context["dearest"]] for name, answer in answers.items()} == {
        "olga": [runs["secret"].pk, runs["olga"].pk, runs["carl"].pk],
        "carl": [runs["carl"].pk],
        "sven": [runs["secret"].pk],
    }
    assert "skunkworks" not in answers["carl"].content.decode()
    assert "codex" not in answers["sven"].content.decode()
    assert "What others’ sessions cost" not in answers["olga"].content.decode()


def test_a_guest_and_who_is_not_logged_in_see_nothing(client, app, runs):
    for address in ("/costs/", "/costs.csv", "/costs/prices/reprice/"):
        client.logout()
        assert client.get(address).headers["Location"].startswith("/accounts/login/")
        answer = opened(client, make_person(f"gus{len(address)}", Role.GUEST, app), address)
        assert answer.status_code == 403
        assert "3.75" not in answer.content.decode()
    answer = opened(client, make_person("gus", Role.GUEST, app))
    assert "Costs are shown to collaborators, admins and owners." in answer.content.decode()


def test_persons_need_an_admin_at_every_door(client, collaborator, stranger, runs):
    words = "What single persons cost is shown to admins and owners."
    for address in ("/costs/?group=person", "/costs.csv?group=person", "/costs/?person=olga", "/costs.csv?person=olga"):
        answer = opened(client, collaborator, address)
        assert (answer.status_code, words in answer.content.decode()) == (403, True)
        assert opened(client, stranger, address).status_code == 200
    mine = opened(client, collaborator, "/costs/?group=person&mine=1")
    assert rows_of(mine) == [("carl", Decimal("1.25"), 1)]
    assert "olga" not in mine.content.decode()
    assert "person" not in mine.context["form"].fields
    assert "person" in opened(client, stranger).context["form"].fields


def test_a_project_out_of_sight_is_not_found(client, collaborator, runs):
    for address in ("/costs/?project=skunkworks", "/costs.csv?project=skunkworks", "/costs/?project=nowhere"):
        assert opened(client, collaborator, address).status_code == 404


def test_the_figures_on_top(client, owner, runs):
    answer = opened(client, owner, "/costs/?project=app&first=2026-11-01&last=2026-11-21")
    page = " ".join(answer.content.decode().split())
    assert answer.context["total"].cost_usd == Decimal("3.75")
    assert "1 Nov 2026 to 21 Nov 2026, compared with the 21 days before." in page
    assert "<b>new-model</b>" in page
    assert 'href="/admin/runs/modelprice/"' in page
    assert ">no price<" in opened(client, owner, "/costs/?project=app&group=model").content.decode()


def test_change_is_told_against_as_many_days_before(client, owner, runs):
    answer = opened(client, owner, "/costs/?project=app&first=2026-10-02&last=2026-11-21")
    assert (answer.context["total"].cost_usd, answer.context["before"].cost_usd) == (Decimal("3.75"), Decimal(3))
    assert '<span class="figures nowrap">+25 %</span>' in answer.content.decode()


def test_filters_in_the_address(client, owner, runs):
    cases = {
        "agent=codex": Decimal("1.25"),
        "machine=bellows": Decimal("102.5"),
        "model=n&person=olga": Decimal("2.5"),
        "requirement=Export": Decimal("2.5"),
        "requirement=-": Decimal("101.25"),
        "mine=1": Decimal("102.5"),
        "agent=nobody": Decimal(0),
    }
    found = {
        words: opened(client, owner, f"/costs/?first=2026-11-01&last=2026-11-21&{words}").context["total"].cost_usd
        for words in cases
    }
    assert found == cases


def test_every_row_leads_inside_and_to_its_runs(client, owner, runs):
    rows = opened(client, owner, "/costs/?project=app&range=this_month&group=agent&sort=name").context["rows"]
    assert [(row.name, row.address, row.runs_address) for row in rows] == [
        (
            "claude-code",
            "/costs/?project=app&range=this_month&agent=claude-code&group=person",
            "/runs/?project=app&agent=claude-code&since=2026-11-01&until=2026-11-21",
        ),
        (
            "codex",
            "/costs/?project=app&range=this_month&agent=codex&group=person",
            "/runs/?project=app&agent=codex&since=2026-11-01&until=2026-11-21",
        ),
    ]
    inside = opened(client, owner, rows[0].address)
    assert rows_of(inside) == [("olga", Decimal("2.5"), 2)]
    history = client.get(rows[0].runs_address)
    assert history.status_code == 200
    by_requirement = opened(client, owner, "/costs/?project=app&group=requirement").context["rows"]
    assert [(row.name, row.runs_address) for row in by_requirement] == [("Export", ""), ("No requirement", "")]
    assert rows_of(opened(client, owner, by_requirement[1].address)) == [
        ("carl", Decimal("1.25"), 1),
        ("olga", None, 1),
    ]


def test_the_table_sorts_by_every_heading(client, owner, runs):
    expected = {"name": ["m", "n", "new-model"], "-cost": ["n", "m", "new-model"], "unpriced": ["m", "n", "new-model"]}
    for sort, names in expected.items():
        address = f"/costs/?project=app&range=this_month&group=model&sort={sort}"
        found = [row.name for row in opened(client, owner, address).context["rows"]]
        assert sorted(found) == sorted(names)
        assert found[0] == names[0] or sort == "unpriced"
    for sort in ("change", "-runs", "tokens", "-savings", "nonsense"):
        assert opened(client, owner, f"/costs/?sort={sort}").status_code == 200


def test_the_bar_s_days_make_way_for_the_range_they_are(client, owner, runs):
    same = opened(client, owner, "/costs/?range=this_month&first=2026-11-01&last=2026-11-21&agent=codex")
    assert (same.status_code, same.headers["Location"]) == (302, "/costs/?range=this_month&agent=codex")
    other = opened(client, owner, "/costs/?range=this_month&first=2026-11-02&last=2026-11-21")
    assert (other.status_code, other.headers["Location"]) == (302, "/costs/?first=2026-11-02&last=2026-11-21")


def test_what_cannot_be_meant_is_told_on_the_page(client, owner):
    for address in ("/costs/?first=yesterday", "/costs.csv?first=yesterday", "/costs/prices/reprice/?first=yesterday"):
        answer = opened(client, owner, address)
        assert answer.status_code == 400
        assert "&#x27;yesterday&#x27; is no day; write it as in 2026-11-21." in answer.content.decode()


def test_a_range_too_long_for_its_parts_is_cut_coarser(client, owner, runs):
    answer = opened(client, owner, "/costs/?range=last_12_months&by=day")
    assert answer.context["filters"].by == "week"
    assert "Shown by week, because so long a range" in answer.content.decode()


def test_nothing_yet_says_what_would_be_here(client, owner, collaborator, app):
    page = opened(client, owner).content.decode()
    assert "Nothing ran in these days" in page
    assert "No project has a budget." in page
    filtered = opened(client, collaborator, "/costs/?agent=codex").content.decode()
    assert "No run is like that" in filtered


def test_budgets_and_their_warnings(client, owner, collaborator, app, runs):
    save_budget(owner.caller, app, Decimal(4), hard_stop=True)
    page = " ".join(opened(client, collaborator).content.decode().split())
    assert "<b>app</b> has spent" in page
    assert "over 80 %" in page
    assert "/admin/runs/budget/" not in page
    assert "/admin/runs/budget/" in opened(client, owner).content.decode()


def test_the_runs_page_warns_too(client, owner, collaborator, stranger, app, runs):
    save_budget(owner.caller, app, Decimal(3), hard_stop=True)
    warning = "No new run starts until the budget is raised or the month is over."
    guest = make_person("gus", Role.GUEST, app)
    seen = [
        person
        for person in (owner, collaborator, stranger, guest)
        if warning in opened(client, person, "/runs/").content.decode()
    ]
    assert seen == [owner, collaborator]
    assert warning not in opened(client, owner, "/runs/?project=skunkworks").content.decode()


def test_names_are_escaped(client, owner, app):
    make_run(app, DAY, usage(1), agent="<script>alert(1)</script>", prompt_name="<b>x</b>")
    page = opened(client, owner, "/costs/?group=agent").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize("count", [1, 40])
def test_queries_do_not_grow_with_the_runs(client, owner, app, count, django_assert_num_queries):
    for number in range(count):
        make_run(
            Project.objects.create(name=f"p{number}"),
            DAY,
            usage(None if number % 2 else "1.5", f"m{number}"),
            agent=f"a{number}",
            requirement_title=f"R{number}",
        )
    make_run(app, DAY, usage(None))
    roll_up_finished_days()
    client.force_login(owner.member)
    # Session, member; report, names of its projects, choices of the bar, requirements, dearest runs, models without a
    # price, budgets; projects of the switch, unread notices.
    with django_assert_num_queries(11):
        client.get("/costs/")


# --- CSV -------------------------------------------------------------------------------------------------------------


def test_the_csv_is_what_is_seen(client, owner, collaborator, runs):
    address = "?project=app&first=2026-10-02&last=2026-11-21&group=model&sort=-cost"
    assert csv_of(client, collaborator, f"/costs.csv{address}") == [
        ["Model", "Cost (USD)", "Before (USD)", "Change (%)", "Runs", "Tokens", "Input", "Output", "Cache read"]
        + ["Cache write, 5 min", "Cache write, 1 h", "Cache savings (USD)", "Tokens without a price"],
        ["n", "2.500000", "", "", "1", "15", "1", "2", "3", "4", "5", "0.000000", "0"],
        ["m", "1.250000", "3.000000", "-58.3", "1", "15", "1", "2", "3", "4", "5", "0.000000", "0"],
        ["new-model", "", "", "", "1", "15", "1", "2", "3", "4", "5", "0.000000", "15"],
        ["Total", "3.750000", "3.000000", "25.0", "3", "45", "3", "6", "9", "12", "15", "0.000000", "15"],
    ]
    answer = opened(client, owner, "/costs.csv?first=2026-11-01&last=2026-11-21")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="costs-2026-11-01-2026-11-21.csv"'


@pytest.mark.parametrize("group", ["person", "machine", "prompt", "requirement"])
def test_the_page_lists_fifty_groups_and_the_csv_all(client, owner, app, group, django_assert_num_queries):
    def told(number):
        one = {"prompt": {"prompt_name": f"g{number:03}"}, "requirement": {"requirement_title": f"g{number:03}"}}
        return one.get(group, {group: f"g{number:03}"})

    address = f"?first=2026-11-01&last=2026-11-21&group={group}"
    make_run(app, DAY, usage("500"), **told(0))
    client.force_login(owner.member)
    with CaptureQueriesContext(connection) as few:
        answer = client.get(f"/costs/{address}")
    assert "more" not in [row.name for row in answer.context["rows"]]
    assert "All of them as CSV" not in answer.content.decode()
    for number in range(1, 120):
        make_run(app, DAY, usage(500 - number), **told(number))
    with django_assert_num_queries(len(few)):
        answer = client.get(f"/costs/{address}&sort=name")
    names = [row.name for row in answer.context["rows"]]
    assert names == [*(f"g{number:03}" for number in range(50)), "70 more"]
    page = " ".join(answer.content.decode().split())
    assert "Listed are those that cost most; 70 more are summed in the last row." in page
    link = f'<a href="/costs.csv?first=2026-11-01&amp;last=2026-11-21&amp;group={group}&amp;sort=name">All of them as CSV</a>'
    assert link in page
    assert len(answer.content) < 200_000
    rows = csv_of(client, owner, f"/costs.csv{address}")[1:]
    assert [row[0] for row in rows] == [*(f"g{number:03}" for number in range(120)), "Total"]
    assert Decimal(rows[-1][1]) == sum(Decimal(row[1]) for row in rows[:-1]) == answer.context["total"].cost_usd


def test_the_table_behind_the_chart_as_csv(client, owner, runs):
    address = "/costs.csv?project=app&first=2026-11-19&last=2026-11-20&group=model&table=parts"
    assert csv_of(client, owner, address) == [
        ["Day", "n (USD)", "m (USD)", "Total (USD)", "Runs", "Tokens"],
        ["2026-11-19", "0.000000", "0.000000", "0.000000", "0", "0"],
        ["2026-11-20", "2.500000", "1.250000", "3.750000", "3", "45"],
        ["Total", "2.500000", "1.250000", "3.750000", "3", "45"],
    ]


def test_the_csv_is_in_the_shown_currency(client, owner, runs, settings):
    settings.COST_CURRENCY, settings.COST_CURRENCY_RATE = "EUR", Decimal("0.5")
    rows = csv_of(client, owner, "/costs.csv?project=app&range=this_month")
    assert (rows[0][1], rows[1][1], rows[-1][1]) == ("Cost (EUR)", "1.875000", "1.875000")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx"])
def test_names_that_begin_like_a_formula_are_made_harmless(client, owner, app, name):
    assert harmless(name) == f"'{name}"
    make_run(app, DAY, usage(1), agent=name)
    rows = csv_of(client, owner, "/costs.csv?group=agent")
    assert (rows[1][0], rows[1][1]) == (f"'{name}", "1.000000")
    parts = csv_of(client, owner, "/costs.csv?group=agent&table=parts")
    assert parts[0][1] == f"'{name} (USD)"


# --- pricing again ---------------------------------------------------------------------------------------------------


@pytest.fixture
def price(db):
    ModelPrice.objects.all().delete()
    return ModelPrice.objects.create(label="M", patterns=["m"], input_usd=Decimal(2), output_usd=Decimal(10))


@pytest.fixture
def changed(collaborator, app, price):
    """A run of a million tokens that cost $2.00, and would cost $3.00 now."""
    log_run(collaborator.caller, app, session_id="a", model="m", tokens_input=10**6)
    price.input_usd = Decimal(3)
    price.version = 2
    price.save()


REPRICE = "/costs/prices/reprice/?range=this_month"


def confirm(client, address=REPRICE):
    return client.post(address, {"seen": client.get(address).context["seen"]})


def test_an_admin_sees_the_difference_and_begins(
    client, owner, changed, django_capture_on_commit_callbacks, monkeypatch
):
    page = opened(client, owner, REPRICE)
    text = page.content.decode()
    assert [("$2.00" in text), ("$3.00" in text), ("$1.00" in text)] == [True] * 3
    assert page.context["preview"].rows == 1
    with django_capture_on_commit_callbacks() as callbacks:
        answer = confirm(client)
    assert (answer.status_code, answer.headers["Location"], len(callbacks)) == (302, REPRICE, 1)
    assert Run.objects.get().cost_usd == 2


def test_the_worker_does_what_was_confirmed(owner, changed):
    from runs.tasks import reprice_runs

    assert reprice_runs(owner.member.pk, "2026-11-01", "2026-11-21", None) == 1
    assert Run.objects.get().cost_usd == 3


def test_a_difference_that_is_no_longer_what_was_seen_is_shown_again(
    client, owner, changed, price, django_capture_on_commit_callbacks
):
    client.force_login(owner.member)
    seen = client.get(REPRICE).context["seen"]
    price.input_usd = Decimal(4)
    price.save()
    with django_capture_on_commit_callbacks() as callbacks:
        answer = client.post(REPRICE, {"seen": seen}, follow=True)
    assert "look at the differences again" in answer.content.decode()
    assert callbacks == []


def test_pricing_again_needs_an_admin_and_keeps_to_the_scope(client, collaborator, stranger, changed):
    answer = opened(client, collaborator, REPRICE)
    assert (answer.status_code, "needs the role admin" in answer.content.decode()) == (403, True)
    assert client.post(REPRICE, {"seen": "x"}).status_code == 403
    assert opened(client, stranger, REPRICE).context["preview"].models == []
    assert opened(client, stranger, f"{REPRICE}&project=app").status_code == 404


def test_when_nothing_would_change_there_is_no_button(client, owner, collaborator, app, price):
    log_run(collaborator.caller, app, session_id="a", model="m", tokens_input=10**6)
    page = opened(client, owner, REPRICE).content.decode()
    assert "Nothing would change" in page
    assert 'name="seen"' not in page
    assert (
        "No tokens in these days" in opened(client, owner, "/costs/prices/reprice/?range=last_month").content.decode()
    )


def test_filters_without_a_choice_are_left_out(client, owner, app):
    page = opened(client, owner).content.decode()
    assert [name in page for name in ('name="agent"', 'name="machine"', 'name="by"')] == [False, False, True]
    make_run(app, DAY, usage("1"), agent="codex")
    page = opened(client, owner).content.decode()
    assert [name in page for name in ('name="agent"', 'name="machine"')] == [True, False]
    assert 'name="machine"' in opened(client, owner, "/costs/?machine=anvil").content.decode()
