"""The pages of runs: what each may see, what stands on them, and what they cost the database."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from access.roles import Role
from memories.models import UseKind
from memories.saving import save_memory
from memories.uses import note_uses
from requirements_pipeline.writing import save_requirement
from runs.models import ModelPrice, Run
from runs.recording import ModelTokens, heartbeat_run, log_run, start_run
from runs.tokens import TokenCounts
from tests.conftest import make_person
from zikra_portal.run_pages import STOP_POLLING, timeline
from zikra_portal.tables import ROWS_A_PAGE

pytestmark = pytest.mark.django_db
RUNS = "/runs/"


def page_of(run):
    return reverse("run", args=[run.pk])


def body(answer):
    return " ".join(answer.content.decode().split())


@pytest.fixture
def price(db):
    return ModelPrice.objects.create(label="Test model", patterns=["test-model"], input_usd=1, output_usd=1)


@pytest.fixture
def ended(collaborator, app, price):
    return log_run(
        collaborator.caller, app, agent="codex", model="test-model", tokens_input=1_234_000, tokens_output=0,
        session_id="ended", duration_s=65.0, output_summary="Wrote **the** export. <script>alert(1)</script>",
        files_modified=["exports/rows.py"],
    )  # fmt: skip


@pytest.fixture
def running(owner, app):
    return start_run(owner.caller, app, agent="claude-code", step="reading", session_id="running")


def test_runs_stand_behind_the_login(client, ended):
    for address in (RUNS, page_of(ended)):
        assert client.get(address)["Location"] == f"/accounts/login/?next={address}"


def test_each_sees_the_runs_of_their_scope_and_no_other_page(
    client, owner, collaborator, stranger, ended, running, secret_project
):
    hidden = log_run(owner.caller, secret_project, agent="gemini")
    seen = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        answer = client.get(RUNS)
        seen[person.member.username] = (
            [run.pk for run in answer.context["active"]],
            {run.pk for run in answer.context["page"]},
            [client.get(page_of(run)).status_code for run in (ended, running, hidden)],
        )
    assert seen == {
        "olga": ([running.pk], {ended.pk, hidden.pk}, [200, 200, 200]),
        "carl": ([running.pk], {ended.pk}, [200, 200, 404]),
        "sven": ([], {hidden.pk}, [404, 404, 200]),
    }
    assert client.get(reverse("run", args=[uuid.uuid4()])).status_code == 404


def test_costs_and_tokens_are_for_admins_and_for_whom_they_are_of(
    client, owner, collaborator, stranger, app, ended, running
):
    heartbeat_run(owner.caller, app, run_id=running.pk, tokens_input=7654, cost_usd=Decimal("9.87"))
    guest, colleague = make_person("gus", Role.GUEST, app), make_person("cora", Role.COLLABORATOR, app)
    seen = {}
    for person in (owner, collaborator, colleague, guest):
        client.force_login(person.member)
        pages = [body(client.get(address)) for address in (RUNS, page_of(ended), page_of(running))]
        seen[person.member.username] = (
            [words in pages[0] for words in ("$1.23", "$9.87", ">Cost<")],
            ["$1.23" in pages[1], "1,234,000" in pages[1]],
            ["$9.87" in pages[2], "7,654" in pages[2]],
        )
    assert seen == {
        "olga": ([True, True, True], [True, True], [True, True]),
        "carl": ([True, False, True], [True, True], [False, False]),
        "cora": ([False, False, True], [False, False], [False, False]),
        "gus": ([False, False, False], [False, False], [False, False]),
    }


def test_who_may_not_see_costs_cannot_sort_by_them(client, owner, collaborator, ended, app):
    log_run(owner.caller, app, agent="dear", cost_usd=Decimal(50), at=timezone.now() - timedelta(days=1))
    orders = {}
    for person in (owner, collaborator):
        client.force_login(person.member)
        orders[person.member.username] = [
            [run.agent for run in client.get(RUNS, {"sort": word}).context["page"]]
            for word in ("-cost", "cost", "-tokens", "started")
        ]
    assert orders == {
        "olga": [["dear", "codex"], ["codex", "dear"], ["codex", "dear"], ["dear", "codex"]],
        "carl": [["codex", "dear"]] * 3 + [["dear", "codex"]],
    }


def test_runs_by_person_need_an_admin(client, owner, collaborator, stranger, ended):
    codes = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        answer = client.get(RUNS, {"person": "carl"})
        codes[person.member.username] = (answer.status_code, "role admin" in body(answer))
    assert codes == {"olga": (200, False), "carl": (403, True), "sven": (200, False)}


def test_a_project_is_chosen_by_its_name_and_one_out_of_sight_is_not_found(
    client, owner, collaborator, stranger, ended, secret_project
):
    found = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        found[person.member.username] = [
            client.get(RUNS, {"project": name}).status_code for name in ("app", "skunkworks", "nowhere", "")
        ]
    assert found == {"olga": [200, 200, 404, 200], "carl": [200, 404, 404, 200], "sven": [404, 200, 404, 200]}


def test_filters_live_in_the_address_and_words_nobody_understands_are_marked(client, owner, collaborator, ended, app):
    log_run(owner.caller, app, agent="claude-code", status="failed", machine="box")
    client.force_login(owner.member)

    def found(**words):
        return [run.agent for run in client.get(RUNS, words).context["page"]]

    assert found(agent="codex") == ["codex"]
    assert found(status="failed", q="box") == ["claude-code"]
    assert found(machine="box") == ["claude-code"]
    assert found(since="2030-01-01") == []
    assert found(requirement=str(uuid.uuid4())) == []
    assert found(agent="never heard of") == []
    assert sorted(found(since="the day before yesterday", prompt="7")) == ["claude-code", "codex"]
    page = body(client.get(RUNS, {"since": "yesterday", "agent": "codex"}))
    assert "Enter a valid date." in page
    assert '<option value="codex" selected>' in page


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", "\x00", "%", "'; --", "🦨", "x" * 3000])
def test_any_word_is_ordinary_input(client, collaborator, ended, words):
    client.force_login(collaborator.member)
    for name in ("q", "agent", "model", "status", "since", "prompt", "page", "sort"):
        answer = client.get(RUNS, {name: words})
        assert answer.status_code == 200
        assert "<script>alert" not in answer.content.decode()
    assert client.get(RUNS, {"project": words}).status_code == 404


def test_fifty_a_page_with_links_to_the_others_that_keep_the_address(client, owner, app):
    Run.objects.bulk_create(
        Run(project=app, agent="codex", status="success", day="2026-01-01", finished_at=timezone.now())
        for _ in range(120)
    )
    client.force_login(owner.member)
    answer = client.get(RUNS, {"agent": "codex", "page": "2", "sort": "agent"})
    assert len(answer.context["page"]) == ROWS_A_PAGE == 50
    page = body(answer)
    assert "51–100 of 120 runs" in page
    for rel, address in (
        ("first", "?agent=codex&amp;sort=agent"),
        ("prev", "?agent=codex&amp;page=1&amp;sort=agent"),
        ("next", "?agent=codex&amp;page=3&amp;sort=agent"),
        ("last", "?agent=codex&amp;page=3&amp;sort=agent"),
    ):
        assert f'rel="{rel}" href="{address}"' in page
    assert 'aria-sort="ascending"' in page
    assert 'href="?agent=codex&amp;sort=-agent"' in page
    assert client.get(RUNS, {"page": "99"}).context["page"].number == 3


def test_beyond_what_is_counted_a_table_says_more_than(client, owner, app, monkeypatch):
    monkeypatch.setattr("zikra_portal.tables.ROWS_COUNTED", 100)
    Run.objects.bulk_create(
        Run(project=app, status="success", day="2026-01-01", finished_at=timezone.now()) for _ in range(101)
    )
    client.force_login(owner.member)
    answer = client.get(RUNS)
    assert "1–50 of more than 100 runs" in body(answer)
    assert answer.context["page"].paginator.num_pages == 2


def test_unknown_values_are_sorted_last_and_left_out_where_known_ones_fill_the_table(client, owner, app, monkeypatch):
    for number, cost in enumerate([None, Decimal(2), None, Decimal(1), Decimal(3)]):
        log_run(owner.caller, app, agent=str(number), cost_usd=cost, session_id=str(number))
    client.force_login(owner.member)

    def listed(sort):
        return [run.agent for run in client.get(RUNS, {"sort": sort}).context["page"]]

    assert (listed("-cost")[:3], listed("cost")[:3]) == (["4", "1", "3"], ["3", "1", "4"])
    assert (set(listed("-cost")[3:]), set(listed("cost")[3:])) == ({"0", "2"}, {"0", "2"})
    monkeypatch.setattr("zikra_portal.tables.ROWS_COUNTED", 2)
    assert (listed("-cost"), listed("cost")) == (["4", "1"], ["3", "1"])


def test_an_empty_board_says_what_would_be_here_and_how_to_put_it_there(client, collaborator):
    client.force_login(collaborator.member)
    page = body(client.get(RUNS))
    assert "Nothing runs right now" in page
    assert "/webhook/zikra" in page
    assert "&quot;" not in page.partition('id="start-line"')[2].partition("</pre>")[0]
    assert "No run has ended yet" in page


def test_a_request_of_htmx_is_answered_with_the_fragment_alone(client, collaborator, ended, running):
    client.force_login(collaborator.member)
    fragment = client.get(RUNS, headers={"hx-request": "true"})
    assert [template.name for template in fragment.templates][0] == "runs/active.html"
    assert b"<html" not in fragment.content
    assert b"Ended" not in fragment.content
    assert client.get(page_of(running), headers={"hx-request": "true"}).status_code == 200
    over = client.get(page_of(ended), headers={"hx-request": "true"})
    assert (over.status_code, b"<html" in over.content) == (STOP_POLLING, False)


def test_a_session_s_page_tells_all_that_is_known_of_it(
    client, owner, collaborator, stranger, app, secret_project, price
):
    prompt = save_memory(collaborator.caller, app, "prompt", "Review a migration").memory
    requirement = save_requirement(collaborator.caller, app, "Export invoices")
    run = start_run(
        collaborator.caller, app, agent="codex", runner="codex@box", machine="box", cwd="/srv/app", branch="csv",
        session_id="s1", prompt_id=prompt.pk, prompt_name=prompt.title, requirement_id=requirement.pk,
        requirement_title=requirement.title, at=timezone.now() - timedelta(hours=1),
    )  # fmt: skip
    heartbeat_run(collaborator.caller, app, run_id=run.pk, step="running the tests")
    made = save_memory(collaborator.caller, app, "note", "Rows are streamed", run_id=run.pk).memory
    hidden = save_memory(owner.caller, secret_project, "note", "Skunks", run_id=run.pk).memory
    note_uses(run.pk, [prompt.pk], UseKind.PROMPT)
    note_uses(run.pk, [prompt.pk, hidden.pk], UseKind.SEARCH)
    log_run(
        collaborator.caller, app, run_id=run.pk, cost_usd=Decimal("3"), files_modified=["exports/rows.py"],
        output_summary="Wrote **the** export. <script>alert(1)</script>",
        usage=[ModelTokens("test-model", TokenCounts(2_000_000, 0)), ModelTokens("house-model", TokenCounts(10, 5))],
    )  # fmt: skip
    client.force_login(collaborator.member)
    answer = client.get(page_of(run))
    page = body(answer)
    for words in (
        "codex@box", "/srv/app", "1 h 00 min", "exports/rows.py", "Wrote <strong>the</strong> export", "2,000,000",
        "$3.00", "with the table of prices it comes to", "$1.00", "(50.0 %)",
        f'href="/memories/{prompt.pk}/">Review a migration',
        f'href="/requirements/{requirement.pk}/"><bdi>Export invoices',
        f'href="/memories/{made.pk}/">Rows are streamed', "run as a prompt, found by search",
    ):  # fmt: skip
        assert words in page
    assert "<script>alert" not in page
    assert "Skunks" not in page
    assert [(happening.kind, happening.words or str(happening.memory)) for happening in answer.context["timeline"]] == [
        ("Started", "None"),
        ("Came back", "None"),
        ("Step", "running the tests"),
        ("Learnt", "Rows are streamed"),
        ("Run as a prompt", "Review a migration"),
        ("Found by search", "Review a migration"),
        ("Finished", "None"),
    ]


def test_what_a_run_worked_on_is_named_but_not_linked_when_it_is_out_of_sight(client, collaborator, app):
    run = log_run(collaborator.caller, app, prompt_id=uuid.uuid4(), prompt_name="Gone", requirement_title="Lost")
    client.force_login(collaborator.member)
    page = body(client.get(page_of(run)))
    assert "<dd>Gone</dd>" in page
    assert "<dd>Lost</dd>" in page


def test_a_memory_s_page_leads_to_the_runs_that_learnt_it_and_were_given_it(
    client, owner, collaborator, stranger, app, ended, running, secret_project
):
    memory = save_memory(collaborator.caller, app, "note", "Rows are streamed", run_id=ended.pk).memory
    hidden = log_run(owner.caller, secret_project, agent="gemini")
    for run in (running, hidden):
        note_uses(run.pk, [memory.pk], UseKind.SEARCH)
    links = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        page = body(client.get(f"/memories/{memory.pk}/", follow=True))
        links[person.member.username] = [f'href="{page_of(run)}"' in page for run in (ended, running, hidden)]
    assert links == {"olga": [True, True, True], "carl": [True, True, False], "sven": [False, False, False]}


def test_a_timeline_of_nothing_is_empty():
    assert timeline([], [], []) == []


# The session and the member; projects of the switch, unread notices; budgets; active runs; choices; the count and the rows of the page.
# Who is bound to projects costs one for the scope.
BOARD = 9
# The session and the member; the run; memories made and given; events, usage; the prompt; projects of the switch, unread notices.
SESSION = 10


@pytest.mark.parametrize("rows", [1, 3])
def test_the_pages_take_so_many_statements_whatever_they_hold(
    client, owner, collaborator, app, django_assert_num_queries, rows
):
    for number in range(rows):
        start_run(collaborator.caller, app, session_id=f"live {number}")
        run = log_run(collaborator.caller, app, session_id=f"over {number}", tokens_input=5, prompt_id=uuid.uuid4())
        for other in range(rows):
            made = save_memory(collaborator.caller, app, "note", f"Made {number} {other}", run_id=run.pk).memory
            note_uses(run.pk, [made.pk], UseKind.GET)
    for person, more in ((owner, 0), (collaborator, 1)):
        client.force_login(person.member)
        client.get(RUNS)
        with django_assert_num_queries(BOARD + more):
            client.get(RUNS)
        with django_assert_num_queries(SESSION + more):
            client.get(page_of(run))
