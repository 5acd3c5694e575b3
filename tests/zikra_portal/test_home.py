"""The first page: what needs the reader, what is new, and what to do first."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from access.roles import Role
from memories.models import PendingEmbedding
from memories.saving import save_memory
from requirements_pipeline.models import RequirementState
from requirements_pipeline.moves import move_requirement
from requirements_pipeline.writing import save_requirement
from runs.budgets import save_budget
from runs.handoffs import accept, begin, cancel
from runs.models import Handoff, Run
from runs.recording import log_run, start_run
from tests.conftest import make_person
from zikra_portal.home import HANDOFFS_SHOWN
from zikra_portal.security import policy_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def known(owner, app, secret_project):
    save_memory(owner.caller, app, "decision", "Sessions live in PostgreSQL", content_md="One store to <b>back up</b>.")
    save_memory(owner.caller, secret_project, "note", "Skunks are hidden", content_md="One store too.")


def test_people_who_are_not_logged_in_are_led_to_the_login(client, db):
    assert client.get("/")["Location"] == "/accounts/login/?next=/"


def test_a_fresh_portal_says_what_to_do_first(client, owner, collaborator):
    client.force_login(owner.member)
    page = client.get("/").content.decode()
    assert "Nothing is remembered yet" in page
    assert reverse("admin:access_roletoken_add") in page
    client.force_login(collaborator.member)
    page = client.get("/").content.decode()
    assert "Ask an owner" in page
    assert reverse("admin:access_roletoken_add") not in page


def groups(answer):
    return {group.name: (titles(group.rows), group.count) for group in answer.context["waiting"]}


def titles(rows):
    return [row.requirement.title for row in rows]


def body(answer):
    return " ".join(answer.content.decode().split())


def test_each_sees_what_waits_for_them_and_what_is_new_in_their_scope(
    client, owner, collaborator, stranger, app, secret_project, known
):
    save_memory(owner.caller, app, "error", "Locks time out")
    wish = save_requirement(collaborator.caller, app, "Export rows", assignee="carl")
    hidden = save_requirement(stranger.caller, secret_project, "Hide the skunk")
    move_requirement(owner.caller, hidden, RequirementState.REJECTED, reason="It <i>smells</i>.")
    start_run(owner.caller, app, agent="codex", session_id="live", step="reading")
    seen = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        answer = client.get("/")
        seen[person.member.username] = (
            groups(answer),
            [memory.title for memory in answer.context["decisions"]],
            [memory.title for memory in answer.context["errors"]],
            [run.session_id for run in answer.context["going"]],
            [notice.kind for notice in answer.context["notices"]],
        )
    assert seen == {
        "olga": ({"promote": ([wish.title], 1)}, ["Sessions live in PostgreSQL"], ["Locks time out"], ["live"], []),
        "carl": ({"assigned": ([wish.title], 1)}, ["Sessions live in PostgreSQL"], ["Locks time out"], ["live"], []),
        "sven": ({"back": ([hidden.title], 1)}, [], [], [], ["moved"]),
    }
    assert "It &lt;i&gt;smells&lt;/i&gt;." in body(answer)


def left(answer):
    return ([handoff.summary for handoff in answer.context["handoffs"]], answer.context["handoffs_in_all"])


def test_handoffs_that_wait_stand_there_for_who_sees_their_project(
    client, owner, collaborator, stranger, app, secret_project, known
):
    guest = make_person("gus", Role.GUEST, app)
    begin(stranger.caller, secret_project, "Feed the skunk")
    begin(collaborator.caller, app, "Asked:\n- <b>Export</b> rows\n\nUsed: Bash (1)", agent="claude-code")
    begin(owner.caller, app, "Kept for carl", assign_to="carl", agent="codex")
    begin(collaborator.caller, app, "The newest")
    cancel(collaborator.caller, begin(collaborator.caller, app, "Over"))
    accept(collaborator.caller, begin(collaborator.caller, app, "Taken"))
    seen = {}
    for person in (owner, collaborator, stranger, guest):
        client.force_login(person.member)
        seen[person.member.username] = left(client.get("/"))
    of_app = ["The newest", "Kept for carl", "Asked:\n- <b>Export</b> rows\n\nUsed: Bash (1)"]
    assert seen == {
        "olga": ([*of_app, "Feed the skunk"], 4),
        "carl": (["Kept for carl", "The newest", of_app[2]], 3),
        "sven": (["Feed the skunk"], 1),
        "gus": (of_app, 3),
    }
    client.force_login(collaborator.member)
    page = body(client.get("/"))
    first = Handoff.objects.get(summary__startswith="Asked")
    assert f'<a href="/handoffs/#handoff-{first.pk}" dir="auto">&lt;b&gt;Export&lt;/b&gt; rows</a>' in page
    assert "Claude Code" in page
    assert "for you" in page
    client.force_login(owner.member)
    assert "for <bdi>carl</bdi>" in body(client.get("/"))
    narrowed = client.get("/", {"project": "skunkworks"})
    assert left(narrowed) == (["Feed the skunk"], 1)
    assert f'/handoffs/?project=skunkworks#handoff-{Handoff.objects.get(project=secret_project).pk}"' in body(narrowed)


def test_of_many_handoffs_the_first_stand_there_and_all_are_counted(client, owner, app, known):
    for number in range(HANDOFFS_SHOWN + 3):
        begin(owner.caller, app, f"Number {number}")
    client.force_login(owner.member)
    newest = [f"Number {number}" for number in range(HANDOFFS_SHOWN + 2, 2, -1)]
    assert left(client.get("/")) == (newest, HANDOFFS_SHOWN + 3)


def test_without_a_handoff_the_page_says_what_will_stand_there(client, owner, collaborator, app, known):
    begin(owner.caller, app, "Carry on")
    client.force_login(owner.member)
    assert "No handoff waits in skunkworks." in body(client.get("/", {"project": "skunkworks"}))
    Handoff.objects.all().delete()
    assert "No handoff waits. When a session ends" in body(client.get("/"))


def test_a_project_bounds_everything_and_one_out_of_sight_is_not_found(client, owner, collaborator, app, known):
    save_requirement(collaborator.caller, app, "Export rows")
    client.force_login(owner.member)
    answer = client.get("/", {"project": "skunkworks"})
    assert (groups(answer), answer.context["decisions"]) == ({}, [])
    assert "Nothing waits for you in skunkworks" in body(answer)
    assert groups(client.get("/", {"project": "app"})) == {"promote": (["Export rows"], 1)}
    client.force_login(collaborator.member)
    assert client.get("/", {"project": "skunkworks"}).status_code == 404


def test_what_fails_is_told_to_who_can_mend_it(client, owner, collaborator, app, known):
    start_run(owner.caller, app, agent="silent", session_id="s", at=timezone.now() - timedelta(days=1))
    Run.objects.update(last_seen_at=timezone.now() - timedelta(hours=20))
    save_budget(owner.caller, app, Decimal(1))
    log_run(owner.caller, app, agent="codex", session_id="t", tokens_input=1, cost_usd=Decimal("0.90"))
    PendingEmbedding.objects.update(queued_at=timezone.now() - timedelta(hours=2))
    waiting = PendingEmbedding.objects.count()
    for person, told in ((owner, True), (collaborator, False)):
        client.force_login(person.member)
        page = body(client.get("/"))
        assert (f"{waiting} memories wait to be embedded" in page) is told
        assert "has spent" in page
        assert "1 run fell silent without an end" in page


def test_nothing_of_ones_own_is_said_in_words_for_each_role(client, owner, collaborator, app, known):
    guest = make_person("gus", Role.GUEST, app)
    for person, words in (
        (owner, "Requirements to promote or to review"),
        (collaborator, "Requirements assigned or sent back to you"),
        (guest, "What others tell you stands here."),
    ):
        client.force_login(person.member)
        page = body(client.get("/"))
        assert "Nothing waits for you." in page
        assert words in page
        assert "No agent works right now." in page


def test_the_live_part_answers_alone(client, owner, app, known):
    start_run(owner.caller, app, agent="codex", session_id="live", step="reading")
    client.force_login(owner.member)
    part = client.get("/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "reading" in part


# Session and member 2, the frame's projects and unread notices 2; runs 1; decisions and errors 2; what waits 4; notices 1;
# handoffs 1; budgets 1; the embedder's backlog 2.
QUERIES_OF_OWNER = 16


def test_the_number_of_queries_does_not_grow(client, owner, collaborator, app, known, django_assert_num_queries):
    client.force_login(owner.member)
    client.get("/")
    with django_assert_num_queries(QUERIES_OF_OWNER):
        client.get("/")
    for number in range(60):
        save_memory(owner.caller, app, ["decision", "error"][number % 2], f"Memory {number}")
        save_requirement(collaborator.caller, app, f"Requirement {number}", assignee="olga")
        start_run(owner.caller, app, agent="codex", session_id=f"n-{number}")
        begin(collaborator.caller, app, f"Handoff {number}", assign_to="olga" if number % 2 else "")
    with django_assert_num_queries(QUERIES_OF_OWNER):
        answer = client.get("/")
    assert groups(answer)["promote"][1] == groups(answer)["assigned"][1] == 60
    leads = {group.name: client.get(group.more).context["page"].paginator.count for group in answer.context["waiting"]}
    assert leads == {"promote": 60, "assigned": 60}
    assert len(answer.context["decisions"]) == 6


def test_pages_carry_a_strict_policy_and_no_inline_script(client, owner, known):
    client.force_login(owner.member)
    answer = client.get("/")
    assert answer["Content-Security-Policy"] == (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    page = answer.content.decode()
    assert page.count("<script") == page.count('<script src="/static/')
    assert " style=" not in page
    assert " onclick=" not in page


def test_no_page_s_policy_names_another_host():
    for path in ("/", "/accounts/login/", "/admin/", "/api/docs/"):
        sources = {word for directive in policy_for(path).split("; ") for word in directive.split()[1:]}
        assert sources <= {"'self'", "'none'", "data:", "blob:", "'unsafe-eval'", "'unsafe-inline'"}
    assert "unsafe" not in policy_for("/")


def test_times_are_told_in_the_reader_s_zone(client, owner, known):
    from memories.models import Memory

    client.force_login(owner.member)
    shown = set()
    for zone in ("UTC", "Asia/Kathmandu", "No/Such_Zone"):
        type(owner.member).objects.filter(pk=owner.member.pk).update(time_zone=zone)
        shown.add(client.get("/").content.decode().partition('title="')[2].partition('"')[0].rpartition(" ")[2])
    assert Memory.objects.count() == 2
    assert shown == {"UTC", "+0545"}


def test_refusal_pages_are_in_words(client, owner, db):
    client.force_login(owner.member)
    assert "Not found" in client.get("/nowhere").content.decode()


def test_a_portal_with_runs_or_requirements_alone_is_not_fresh(client, owner, collaborator, app):
    client.force_login(owner.member)
    fresh = client.get("/")
    assert (fresh.context["is_fresh"], reverse("connect") in fresh.content.decode()) == (True, True)
    save_requirement(collaborator.caller, app, "Export invoices")
    answer = client.get("/")
    assert (answer.context["is_fresh"], "Export invoices" in body(answer)) == (False, True)
