"""The Connect page: who gets which line, when it turns green, and who looks after which machines."""

import re
import shlex
import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from access.models import AuditEntry, Project, RoleToken
from access.roles import Role
from access.tokens import token_for_secret
from api.client_file import client_digest, client_file
from runs.models import CapturedEvent, Machine
from tests.conftest import make_person
from zikra_client.agents import AGENTS, Connection
from zikra_portal.connect_page import DAYS, WRITTEN, line_for
from zikra_portal.run_pages import STOP_POLLING
from zikra_portal.tables import ROWS_A_PAGE

pytestmark = pytest.mark.django_db
CONNECT = "/connect/"
ASKED = {"agents": ["codex"], "project": "app", "machine": "laptop", "role": "collaborator", "days": "90"}
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def guest(app):
    return make_person("gus", Role.GUEST, app)


def body(answer):
    return " ".join(answer.content.decode().split())


def line_of(answer):
    return answer.context["line"]


def secret_in(line):
    words = shlex.split(line.run)
    return words[words.index("--token") + 1]


def event_of(token, project, **more):
    facts = {"agent": "codex", "machine": "anvil", "session_id": "s", "kind": "session-start", "at": timezone.now()}
    return CapturedEvent.objects.create(
        project=project, token=token, member=token.member, ingest_key=uuid.uuid4().hex, **{**facts, **more}
    )


def machine_of(person, name="anvil", **more):
    facts = {"token": person.token, "member": person.member, "agents": ["codex"]}
    return Machine.objects.create(holder=f"member:{person.member.pk}", name=name, **{**facts, **more})


# --- the line --------------------------------------------------------------------------------------------------------


def test_everything_stands_behind_the_login(client, collaborator):
    machine = machine_of(collaborator)
    for address in (
        CONNECT,
        reverse("connect-waiting", args=[uuid.uuid4()]),
        reverse("machine-revoke", args=[machine.pk]),
        reverse("machine-rename", args=[machine.pk]),
    ):
        assert client.get(address)["Location"] == f"/accounts/login/?next={address}"
    assert client.post(reverse("machine-allow", args=[machine.pk]))["Location"] == f"/accounts/login/?next={CONNECT}"


def test_each_may_choose_their_own_projects_and_roles_up_to_their_own(client, owner, collaborator, stranger, guest):
    offered = {}
    for person in (owner, collaborator, stranger, guest):
        client.force_login(person.member)
        form = client.get(CONNECT).context["form"]
        offered[person.member.username] = (
            [name for name, _ in form.fields["project"].choices],
            [role for role, _ in form.fields["role"].choices],
            form.fields["role"].initial,
        )
    assert offered == {
        "olga": (["", "app", "skunkworks"], ["guest", "collaborator", "admin", "owner"], "collaborator"),
        "carl": (["", "app"], ["guest", "collaborator"], "collaborator"),
        "sven": (["", "skunkworks"], ["guest", "collaborator", "admin"], "collaborator"),
        "gus": (["", "app"], ["guest"], "guest"),
    }


def test_a_line_holds_a_fresh_token_of_ones_own_that_is_kept_nowhere(client, collaborator, app):
    client.force_login(collaborator.member)
    answer = client.post(CONNECT, ASKED)
    secret = secret_in(line_of(answer))
    token = token_for_secret(secret)
    assert (token.member, token.role, token.label, token.all_projects) == (
        *(collaborator.member, "collaborator", "carl, laptop", False),
    )
    assert list(token.projects.all()) == [app]
    assert timedelta(days=89) < token.expires_at - timezone.now() <= timedelta(days=DAYS)
    assert line_of(answer).run == (
        f"curl -fsSL http://testserver/connect.py | python3 - --token {secret} --agent codex --project app"
    )
    assert "no-store" in answer["Cache-Control"]
    for address in (CONNECT, reverse("connect-waiting", args=[token.pk])):
        assert secret not in client.get(address).content.decode()
    deed = AuditEntry.objects.get(command="create_token")
    assert (deed.caller, deed.door, deed.outcome, deed.object_id) == ("carl", "page", "done", str(token.pk))
    assert secret not in f"{deed.detail} {deed.object_title}"


def test_all_in_scope_is_every_project_for_who_sees_all_and_ones_own_for_others(client, owner, collaborator, app):
    reach = {}
    for person in (owner, collaborator):
        client.force_login(person.member)
        token = token_for_secret(secret_in(line_of(client.post(CONNECT, {**ASKED, "project": "", "agents": []}))))
        reach[person.member.username] = (token.all_projects, list(token.projects.values_list("name", flat=True)))
    assert reach == {"olga": (True, []), "carl": (False, ["app"])}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"role": "admin"}, "role"), ({"role": "owner"}, "role"), ({"project": "skunkworks"}, "project"),
        ({"agents": ["no-such"]}, "agents"), ({"days": "100000"}, "days"), ({"machine": " "}, "machine"),
        ({"machine": "x" * 61}, "machine"),
    ],
)  # fmt: skip
def test_what_is_not_ones_own_makes_no_token(client, collaborator, secret_project, wrong, field):
    before = RoleToken.objects.count()
    client.force_login(collaborator.member)
    answer = client.post(CONNECT, {**ASKED, **wrong})
    assert (answer.status_code, list(answer.context["form"].errors)) == (400, [field])
    assert RoleToken.objects.count() == before


def test_the_page_names_the_digest_of_the_file_that_is_served(client, collaborator, app):
    client.force_login(collaborator.member)
    served = client.get("/connect.py").content
    assert served == client_file("http://testserver")
    line = line_of(client.post(CONNECT, ASKED))
    assert line.digest == client_digest("http://testserver")
    assert f'echo "{line.digest}  connect.py" | sha256sum --check' in line.check
    assert secret_in(line) not in line.check
    assert line.digest in body(client.get(CONNECT))


@pytest.mark.parametrize(("agents", "is_offered"), [([], True), (["claude-code", "codex"], True), (["codex"], False)])
def test_who_connects_claude_code_is_offered_its_plugin_too(client, collaborator, app, agents, is_offered):
    client.force_login(collaborator.member)
    answer = client.post(CONNECT, {**ASKED, "agents": agents})
    line = line_of(answer)
    assert line.plugin == (
        "claude plugin marketplace add http://testserver/zikra.git\n"
        f"claude plugin install zikra@zikra --config token={secret_in(line)}"
    )
    assert (line.plugin in answer.content.decode()) == is_offered


def test_names_of_projects_are_quoted_for_the_shell():
    line = line_for("https://portal.example", "zikra_a_b", [], "team: it's $HOME")
    assert shlex.split(line.run)[-2:] == ["--project", "team: it's $HOME"]


def test_the_page_tells_of_every_file_that_the_client_writes(monkeypatch):
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "ZIKRA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/somebody")
    written = {
        agent.name: {change.file.replace("/somebody", "~") for change in agent.changes(Connection("https://p", "t"))}
        for agent in AGENTS
    }
    assert {name: set(files) for name, files in WRITTEN.items()} == written


def test_who_sees_no_project_is_told_so(client, db):
    client.force_login(make_person("nora", Role.COLLABORATOR, Project.objects.create(name="gone")).member)
    Project.objects.get(name="gone").members.clear()
    page = client.get(CONNECT)
    assert "You see no project yet" in body(page)


# --- the first event -------------------------------------------------------------------------------------------------


def test_the_page_turns_green_with_the_first_event_of_this_token_alone(client, owner, collaborator, app):
    client.force_login(collaborator.member)
    token = client.post(CONNECT, ASKED).context["token"]
    address = reverse("connect-waiting", args=[token.pk])
    event_of(owner.token, app, machine="elsewhere")
    event_of(collaborator.token, app, machine="elsewhere")
    fragment = client.get(address, **HTMX)
    assert (fragment.status_code, "Nothing has come" in body(fragment)) == (200, True)
    event_of(token, app)
    event_of(token, app, machine="second")
    for extra, status in ((HTMX, STOP_POLLING), ({}, 200)):
        answer = client.get(address, **extra)
        assert answer.status_code == status
        assert re.search(r"Codex on <bdi>anvil</bdi> told its first event", body(answer))
        assert "elsewhere" not in body(answer)


def test_nobody_looks_at_another_ones_line(client, owner, collaborator, stranger, guest, app):
    client.force_login(collaborator.member)
    token = client.post(CONNECT, ASKED).context["token"]
    address = reverse("connect-waiting", args=[token.pk])
    codes = {}
    for person in (owner, collaborator, stranger, guest):
        client.force_login(person.member)
        codes[person.member.username] = client.get(address).status_code
    assert codes == {"olga": 404, "carl": 200, "sven": 404, "gus": 404}


def test_a_guests_line_says_that_nothing_is_kept(client, guest):
    client.force_login(guest.member)
    answer = client.post(CONNECT, {**ASKED, "role": "guest"})
    assert token_for_secret(secret_in(line_of(answer))).role == "guest"
    assert "A guest's agents read the memory; what they do is not kept" in body(answer)


# --- machines --------------------------------------------------------------------------------------------------------


@pytest.fixture
def machines(owner, collaborator, stranger, guest):
    return {
        person.member.username: machine_of(person, f"{person.member.username}s")
        for person in (owner, collaborator, stranger, guest)
    }


def test_people_see_their_own_machines_and_those_who_lead_their_projects(
    client, machines, owner, collaborator, stranger, guest, app
):
    lead = make_person("ada", Role.ADMIN, app)
    seen = {}
    for person in (owner, lead, collaborator, stranger, guest):
        client.force_login(person.member)
        page = client.get(CONNECT)
        seen[person.member.username] = (
            sorted(machine.name for machine in page.context["page"]),
            [client.get(reverse("machine-revoke", args=[machine.pk])).status_code for machine in machines.values()],
            page.content.decode().count(">Revoke<span"),
        )
    assert seen == {
        "olga": (["carls", "guss", "olgas", "svens"], [200, 200, 200, 200], 4),
        "ada": (["carls", "guss"], [404, 200, 404, 200], 0),
        "carl": (["carls"], [404, 200, 404, 404], 1),
        "sven": (["svens"], [404, 404, 200, 404], 1),
        "gus": (["guss"], [404, 404, 404, 200], 1),
    }


def test_a_row_tells_backlog_trust_role_and_projects(client, collaborator, app):
    machine_of(
        collaborator, agents=["claude-code", "codex"], client_version="0.3.0", backlog=12, backlog_seconds=340,
        untrusted=["codex"],
    )  # fmt: skip
    client.force_login(collaborator.member)
    page = body(client.get(CONNECT))
    for words in (
        "Claude Code, Codex",
        "client 0.3.0",
        "12, the oldest for 5 minutes",
        "Collaborator",
        ">app<",
        "connected",
    ):
        assert words in page
    assert "Codex does not run its hooks, so nothing of its sessions comes. Start it there" in page


def test_revoking_a_machine_that_has_its_token_alone_revokes_the_token(client, collaborator, app):
    machine = machine_of(collaborator)
    client.force_login(collaborator.member)
    address = reverse("machine-revoke", args=[machine.pk])
    assert "Its token belongs to it alone" in body(client.get(address))
    answer = client.post(address, follow=True)
    assert "Revoked the token of anvil; it is shut out." in body(answer)
    assert token_for_secret(collaborator.secret) is None
    again = client.post(address, follow=True)
    assert "anvil is shut out already." in body(again)
    deeds = AuditEntry.objects.filter(command="revoke_token").order_by("id")
    assert list(deeds.values_list("caller", "outcome", "status")) == [("carl", "done", 200), ("carl", "invalid", 409)]
    assert "off the list</button>" in body(answer)
    client.post(reverse("machine-forget", args=[machine.pk]))
    assert not Machine.objects.exists()


def test_a_machine_that_shares_its_token_is_refused_alone_and_allowed_again(client, collaborator, app):
    machine = machine_of(collaborator)
    machine_of(collaborator, "second")
    machine_of(collaborator, "third", display_name="The desk")
    client.force_login(collaborator.member)
    address = reverse("machine-revoke", args=[machine.pk])
    page = body(client.get(address))
    assert "Other machines speak with the same token: “<bdi>second</bdi>” and “<bdi>The desk</bdi>”." in page
    assert "Only revoking the token keeps them out for certain." in page
    answer = client.post(address, {"what": "machine"}, follow=True)
    assert "anvil is refused; its token stays good for the others." in body(answer)
    machine.refresh_from_db()
    assert (machine.refused_by, machine.token.state) == (collaborator.member, "active")
    assert ">refused</span>" in body(answer)
    undo = reverse("machine-allow", args=[machine.pk])
    # Once in the message as Undo, once in the row.
    assert body(answer).count(f'action="{undo}"') == 2
    assert "is refused already" in body(client.get(address))
    assert "anvil is shut out already." in body(client.post(address, {"what": "machine"}, follow=True))
    allowed = body(client.post(undo, follow=True))
    assert "anvil is allowed again; what waits there comes with its next event." in allowed
    assert "anvil is not refused." in body(client.post(undo, follow=True))
    machine.refresh_from_db()
    assert machine.refused_at is None
    deeds = AuditEntry.objects.filter(command__in=["refuse_machine", "allow_machine"]).order_by("id")
    assert list(deeds.values_list("command", "outcome", "object_title")) == [
        *(("refuse_machine", "done", "anvil"), ("refuse_machine", "invalid", "")),
        *(("allow_machine", "done", "anvil"), ("allow_machine", "invalid", "")),
    ]


def test_a_shared_token_is_revoked_for_all_where_the_reader_says_so(client, collaborator, app):
    machine = machine_of(collaborator)
    machine_of(collaborator, "second")
    machine_of(collaborator, "third")
    client.force_login(collaborator.member)
    answer = client.post(reverse("machine-revoke", args=[machine.pk]), {"what": "token"}, follow=True)
    assert "Revoked the token of anvil; it is shut out, and so are second and third." in body(answer)
    assert token_for_secret(collaborator.secret) is None


def test_the_last_machine_of_a_token_that_is_not_refused_is_revoked_with_it(client, collaborator, app):
    machine = machine_of(collaborator)
    second = machine_of(collaborator, "second")
    client.force_login(collaborator.member)
    client.post(reverse("machine-revoke", args=[second.pk]))
    assert "Its token belongs to it alone" in body(client.get(reverse("machine-revoke", args=[machine.pk])))
    client.post(reverse("machine-revoke", args=[machine.pk]))
    assert token_for_secret(collaborator.secret) is None
    # What is refused stays on the list until it is allowed again.
    page = body(client.get(CONNECT))
    assert (page.count("off the list</button>"), page.count(">Allow again<")) == (1, 1)
    told = body(client.post(reverse("machine-forget", args=[second.pk]), follow=True))
    assert "second is refused; off the list it would be let in. Allow it again first." in told
    told = body(client.post(reverse("machine-allow", args=[second.pk]), follow=True))
    assert "second is allowed again; it needs a new line, for its token is over." in told
    client.post(reverse("machine-forget", args=[second.pk]))
    assert [machine.name for machine in Machine.objects.all()] == ["anvil"]


def test_what_an_owner_refused_its_holder_does_not_allow(client, owner, collaborator, app):
    machine = machine_of(collaborator)
    machine_of(collaborator, "second")
    allow = reverse("machine-allow", args=[machine.pk])
    client.force_login(owner.member)
    assert allow in body(client.post(reverse("machine-revoke", args=[machine.pk]), follow=True))
    client.force_login(collaborator.member)
    assert allow not in body(client.get(CONNECT))
    assert "it needs the role owner" in body(client.post(allow, follow=True))
    client.force_login(owner.member)
    assert "anvil is allowed again" in body(client.post(allow, follow=True))


def test_a_machine_is_renamed_and_the_undo_gives_it_its_former_name(client, collaborator, app):
    machine = machine_of(collaborator)
    address = reverse("machine-rename", args=[machine.pk])
    client.force_login(collaborator.member)
    assert "Its client reports as “<bdi>anvil</bdi>” and goes on doing so" in body(client.get(address))
    answer = body(client.post(address, {"name": " The <i>forge</i> "}, follow=True))
    assert "anvil is called The &lt;i&gt;forge&lt;/i&gt; now." in answer
    assert "reports as <bdi>anvil</bdi>" in answer
    assert f'action="{address}?name="' in answer
    second = body(client.post(address, {"name": "Forge"}, follow=True))
    undo = re.search(rf'action="({address}\?name=[^"]+)"', second)[1]
    assert "Forge is called The &lt;i&gt;forge&lt;/i&gt; now." in body(client.post(undo, follow=True))
    assert "It is called" in body(client.post(undo, follow=True))
    assert "called anvil now." in body(client.post(f"{address}?name=", follow=True))
    machine.refresh_from_db()
    assert (machine.name, machine.display_name) == ("anvil", "")
    assert "name: has 61 characters" in body(client.post(address, {"name": "x" * 61}, follow=True))
    done = AuditEntry.objects.filter(command="rename_machine").order_by("id").values_list("outcome", "object_title")
    assert [outcome for outcome, _ in done] == ["done"] * 5 + ["invalid"]


def test_who_may_rename_and_allow(client, machines, owner, collaborator, stranger, guest, app):
    lead = make_person("ada", Role.ADMIN, app)
    Machine.objects.update(refused_at=timezone.now())
    carls = machines["carl"]
    codes = {}
    for person in (lead, stranger, guest, collaborator, owner):
        client.force_login(person.member)
        name = person.member.username
        addresses = [reverse(f"machine-{deed}", args=[carls.pk]) for deed in ("rename", "allow")]
        codes[name] = ([client.post(address, {"name": name}).status_code for address in addresses], str(carls))
        carls.refresh_from_db()
        codes[name] = (codes[name][0], str(carls), carls.refused_at is None)
        Machine.objects.filter(pk=carls.pk).update(refused_at=timezone.now())
    assert codes == {
        "ada": ([302, 302], "carls", False),
        "sven": ([404, 404], "carls", False),
        "gus": ([404, 404], "carls", False),
        "carl": ([302, 302], "carl", True),
        "olga": ([302, 302], "olga", True),
    }
    client.force_login(lead.member)
    assert "is renamed by whose it is" in body(client.get(reverse("machine-rename", args=[carls.pk])))
    assert ">Rename<span" not in body(client.get(CONNECT))


def test_an_owner_revokes_anybodys_and_an_admin_only_their_own(client, machines, owner, stranger, collaborator, app):
    lead = make_person("ada", Role.ADMIN, app)
    codes = {}
    for person, holder in ((lead, "carl"), (stranger, "carl"), (owner, "carl"), (lead, "gus")):
        client.force_login(person.member)
        answer = client.post(reverse("machine-revoke", args=[machines[holder].pk]))
        codes[(person.member.username, holder)] = (
            answer.status_code,
            Machine.objects.get(pk=machines[holder].pk).token.state,
        )
    assert codes == {
        ("ada", "carl"): (302, "active"),
        ("sven", "carl"): (404, "active"),
        ("olga", "carl"): (302, "revoked"),
        ("ada", "gus"): (302, "active"),
    }


def test_nobody_takes_another_ones_machine_off_the_list(client, machines, owner):
    client.force_login(owner.member)
    assert client.post(reverse("machine-forget", args=[machines["carl"].pk])).status_code == 404
    assert Machine.objects.count() == 4


def test_the_page_costs_the_same_with_few_and_many_machines(
    client, owner, collaborator, app, django_assert_num_queries
):
    client.force_login(owner.member)
    for number in range(3):
        machine_of(collaborator, f"m{number}")
    with django_assert_num_queries(8):
        client.get(CONNECT)
    for number in range(3, ROWS_A_PAGE + 10):
        machine_of(collaborator, f"m{number}")
    with django_assert_num_queries(8):
        client.get(CONNECT)
