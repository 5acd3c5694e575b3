"""The page of prompts: what their runs came to, for whom, in which order, at which cost to the database."""

import json
import shlex
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from access.roles import Role
from memories.saving import save_memory
from runs.models import Run
from runs.prompt_sums import PromptSums, prompt_sums
from runs.recording import log_run, start_run
from tests.conftest import make_person
from zikra_portal.templatetags.prompts import fetch_line

pytestmark = pytest.mark.django_db
PROMPTS = "/prompts/"


def prompt(person, project, title, **fields):
    return save_memory(person.caller, project, "prompt", title, **fields).memory


def run(person, project, of, **told):
    """A run of a prompt that has ended an hour after its start, or as told."""
    number = Run.objects.count()
    logged = log_run(person.caller, project, agent="codex", session_id=f"s-{number}", prompt_name=of.title, **told)
    Run.objects.filter(pk=logged.pk).update(prompt_id=of.pk)
    return logged


@pytest.fixture
def known(owner, collaborator, app, secret_project):
    """Review, run thrice; Write, run once; Idle, never; Hidden, out of the collaborator's sight."""
    review, write = prompt(owner, app, "Review"), prompt(owner, app, "Write")
    prompt(owner, app, "Idle", content_md="Wait and see.")
    hidden = prompt(owner, secret_project, "Hidden")
    run(owner, app, review, status="success", duration_s=60.0, cost_usd=Decimal("1.00"))
    run(collaborator, app, review, status="Done", duration_s=120.0, cost_usd=Decimal("2.00"))
    run(owner, app, review, status="failed", duration_s=30.0)
    run(owner, app, write, status="failed", duration_s=300.0, cost_usd=Decimal("0.50"))
    run(owner, secret_project, hidden, status="success", cost_usd=Decimal(9))
    save_memory(owner.caller, app, "note", "No prompt")
    return review


def titles(answer):
    return [row.prompt.title for row in answer.context["rows"]]


def body(answer):
    return " ".join(answer.content.decode().split())


def test_it_stands_behind_the_login(client, db):
    assert client.get(PROMPTS)["Location"] == f"/accounts/login/?next={PROMPTS}"


def test_each_sees_the_prompts_of_their_scope(client, owner, collaborator, stranger, known):
    seen = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        seen[person.member.username] = titles(client.get(PROMPTS, {"sort": "title"}))
    assert seen == {
        "olga": ["Hidden", "Idle", "Review", "Write"],
        "carl": ["Idle", "Review", "Write"],
        "sven": ["Hidden"],
    }
    client.force_login(owner.member)
    assert titles(client.get(PROMPTS, {"sort": "title", "project": "skunkworks"})) == ["Hidden"]
    client.force_login(collaborator.member)
    assert client.get(PROMPTS, {"project": "skunkworks"}).status_code == 404


def test_sums_are_those_of_the_runs_in_scope(owner, collaborator, stranger, app, known):
    last = timezone.now() + timedelta(hours=1)
    active = start_run(owner.caller, app, agent="codex", session_id="live")
    Run.objects.filter(pk=active.pk).update(prompt_id=known.pk, started_at=last)
    sums = prompt_sums(collaborator.caller, [known.pk])[known.pk]
    assert sums == PromptSums(
        runs=4,
        ended=3,
        succeeded=2 / 3,
        total_usd=Decimal(3),
        mean_usd=Decimal("1.5"),
        mean_duration=timedelta(seconds=70),
        last_run_at=last,
    )
    assert prompt_sums(stranger.caller, [known.pk]) == {}
    assert prompt_sums(owner.caller, []) == {}


def test_the_table_shows_them_and_leads_to_the_runs(client, collaborator, known):
    client.force_login(collaborator.member)
    page = body(client.get(PROMPTS))
    assert f'href="{reverse("runs")}?prompt={known.pk}"' in page
    for words in ("66 %", "2 of 3 ended runs", "1 min 10 s", "$3.00", "$1.50"):
        assert words in page


def test_guests_see_no_costs_and_cannot_sort_by_them(client, app, known):
    guest = make_person("gus", Role.GUEST, app)
    client.force_login(guest.member)
    answer = client.get(PROMPTS, {"sort": "-cost"})
    assert answer.context["sorting"].column.name == "last"
    page = body(answer)
    assert "$" not in page.partition("<table")[2].partition("</tbody>")[0].replace("$ZIKRA_TOKEN", "")
    assert "New prompt" not in page


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("title", ["Idle", "Review", "Write"]),
        ("-runs", ["Review", "Write", "Idle"]),
        ("runs", ["Write", "Review", "Idle"]),
        ("-success", ["Review", "Write", "Idle"]),
        ("-duration", ["Write", "Review", "Idle"]),
        ("-mean", ["Review", "Write", "Idle"]),
        ("cost", ["Write", "Review", "Idle"]),
        ("-last", ["Review", "Write", "Idle"]),
    ],
)
def test_it_sorts_with_the_unknown_last_in_either_direction(client, collaborator, known, sort, expected):
    client.force_login(collaborator.member)
    assert titles(client.get(PROMPTS, {"sort": sort})) == expected


def test_filters_by_words_and_by_whether_it_ran(client, collaborator, known):
    client.force_login(collaborator.member)
    assert titles(client.get(PROMPTS, {"q": "wait SEE"})) == ["Idle"]
    assert titles(client.get(PROMPTS, {"run": "never"})) == ["Idle"]
    assert titles(client.get(PROMPTS, {"run": "yes", "sort": "title"})) == ["Review", "Write"]
    assert "No prompt is like that" in body(client.get(PROMPTS, {"q": "nothing like it"}))


def test_without_prompts_it_says_how_to_keep_one(client, collaborator):
    client.force_login(collaborator.member)
    page = body(client.get(PROMPTS))
    assert "No prompt is kept yet" in page
    assert "save_prompt" in page


def test_the_line_to_copy_survives_any_name(owner, app):
    hostile = prompt(owner, app, """It's "quoted" $(rm -rf ~) `x` \\ <b> ü""")
    words = shlex.split(fetch_line("http://portal", hostile).replace("\\\n", " "))
    assert json.loads(words[-1]) == {"command": "get_prompt", "project": "app", "prompt_name": hostile.title}
    assert words[2] == "http://portal/webhook/zikra"


def test_hostile_titles_are_shown_as_words(client, owner, app):
    prompt(owner, app, "<script>alert(1)</script>" + "W" * 400)
    client.force_login(owner.member)
    page = client.get(PROMPTS).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_number_of_queries_does_not_grow(client, collaborator, app, known, django_assert_num_queries):
    client.force_login(collaborator.member)
    client.get(PROMPTS)
    for sort in ("title", "-cost"):
        # Session, member, scope, the frame's projects and notices; the ids, the sums, the page's prompts.
        with django_assert_num_queries(8):
            client.get(PROMPTS, {"sort": sort})
    for number in range(60):
        run(collaborator, app, prompt(collaborator, app, f"Prompt {number}"), cost_usd=Decimal(number))
    for sort in ("title", "-cost"):
        with django_assert_num_queries(8):
            assert len(client.get(PROMPTS, {"sort": sort}).context["rows"]) == 50
