"""A machine that is refused: turned away at each door that hears its name, and let in again with what it kept."""

import json
from urllib.parse import urlencode

import pytest

from access.callers import caller_for_member
from access.models import AuditEntry
from memories.models import Memory
from runs.handoffs import begin
from runs.machines import allow_machine, refuse_machine
from runs.models import CapturedEvent, Handoff, Machine

pytestmark = pytest.mark.django_db
WORDS = {
    "error": "The machine 'anvil' is refused here.",
    "hint": "Allow it again on the portal's Connect page.",
}
ANVIL = {"x-zikra-machine": "anvil"}
JSON = "application/json"


def machine_of(person, name="anvil"):
    return Machine.objects.create(
        holder=f"member:{person.member.pk}", name=name, member=person.member, token=person.token
    )


@pytest.fixture
def refused(collaborator):
    machine = machine_of(collaborator)
    machine_of(collaborator, "second")
    return refuse_machine(caller_for_member(collaborator.member), machine)


def item(**words):
    return {"url": f"/hook?{urlencode({'event': 'user-prompt', 'session_id': 's1', **words})}", "body": {"prompt": "x"}}


class Doors:
    """Each door of the agents', asked as one person's client."""

    def __init__(self, client, person):
        self.client, self.person = client, person

    def hook(self, headers, **words):
        return self.client.post(
            item(**words)["url"], {"prompt": "x"}, content_type=JSON, headers=headers, **self.person.authorization
        )

    def batch(self, headers, items):
        return self.client.post(
            "/hook/batch", json.dumps(items), content_type=JSON, headers=headers, **self.person.authorization
        )

    def handoff(self, headers, **words):
        query = urlencode({"session_id": "n1", **words})
        return self.client.get(f"/handoff?{query}", headers=headers, **self.person.authorization)

    def identity(self, headers):
        return self.client.get("/identity", headers=headers, **self.person.authorization)

    def command(self, headers):
        body = {"command": "save_memory", "memory_type": "note", "title": "N", "content_md": "x", "project": "app"}
        return self.client.post("/webhook/zikra", body, content_type=JSON, headers=headers, **self.person.authorization)

    def mcp(self, headers):
        call = {"name": "search", "arguments": {"query": "x"}}
        body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": call}
        headers = {"mcp-protocol-version": "2025-06-18", "accept": JSON, **headers}
        return self.client.post("/mcp", body, content_type=JSON, headers=headers, **self.person.authorization)

    def all(self, headers):
        """Every door's answer."""
        return {
            "hook": self.hook(headers),
            "batch": self.batch(headers, [item(), item()]),
            "handoff": self.handoff(headers),
            "identity": self.identity(headers),
            "command": self.command(headers),
            "mcp": self.mcp(headers),
        }


def test_every_door_refuses_it_in_words_and_nothing_is_taken(client, collaborator, refused, app):
    begin(collaborator.caller, app, "Carry on")
    before = CapturedEvent.objects.count(), Memory.objects.count()
    answers = Doors(client, collaborator).all(ANVIL)
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 403)
    told = {name: answer.json() for name, answer in answers.items()}
    assert told.pop("mcp")["error"]["message"] == " ".join(WORDS.values())
    assert told == dict.fromkeys(told, WORDS)
    assert (CapturedEvent.objects.count(), Memory.objects.count()) == before
    assert Handoff.objects.get().state == "open"
    kept = AuditEntry.objects.filter(outcome="refused", status=403).order_by("id")
    assert list(kept.values_list("caller", "door", "detail")) == [
        ("carl", door, WORDS["error"]) for door in (*["capture"] * 4, "webhook", "mcp")
    ]


def test_other_machines_of_the_token_and_other_peoples_of_the_name_go_on(
    client, owner, collaborator, stranger, refused, app
):
    for person in (owner, stranger):
        machine_of(person)
    asked = [(collaborator, {"x-zikra-machine": "second"}), (collaborator, {}), (owner, ANVIL)]
    for person, headers in asked:
        codes = {name: answer.status_code for name, answer in Doors(client, person).all(headers).items()}
        assert codes == {"hook": 202, **dict.fromkeys(("batch", "handoff", "identity", "command", "mcp"), 200)}
    doors = Doors(client, stranger)
    assert [doors.hook(ANVIL).status_code, doors.identity(ANVIL).status_code] == [202, 200]


def test_a_client_that_names_it_in_the_query_is_judged_event_by_event(client, collaborator, refused, app):
    doors = Doors(client, collaborator)
    assert (doors.hook({}, machine="anvil").status_code, doors.hook({}, machine="anvil").json()) == (403, WORDS)
    told = doors.batch({}, [item(machine="anvil"), item(machine="second"), item()]).json()
    assert [result["outcome"] for result in told["results"]] == ["dropped_unauthorized", "stored", "stored"]
    assert told["results"][0]["error"] == WORDS["error"]
    assert set(CapturedEvent.objects.values_list("machine", flat=True)) == {"second", ""}
    assert doors.handoff({}, machine="anvil").status_code == 403
    # The header is what the client itself says; a word in the address does not hide it.
    assert doors.hook(ANVIL, machine="second").status_code == 403


def test_a_new_project_is_not_made_for_it(client, owner, app):
    refuse_machine(caller_for_member(owner.member), machine_of(owner))
    assert Doors(client, owner).hook(ANVIL, project="brand-new").status_code == 403
    assert Doors(client, owner).hook({}, project="brand-new", machine="anvil").status_code == 403
    assert list(type(app).objects.exclude(name="global").values_list("name", flat=True)) == ["app"]


def test_allowed_again_it_brings_what_it_kept(client, collaborator, refused, app):
    doors = Doors(client, collaborator)
    items = [item(ingest_key=f"k{number}") for number in range(3)]
    assert doors.batch(ANVIL, items).status_code == 403
    allow_machine(caller_for_member(collaborator.member), refused)
    told = doors.batch(ANVIL, items).json()
    assert [result["outcome"] for result in told["results"]] == ["stored"] * 3
    assert CapturedEvent.objects.count() == 3


def test_asking_who_is_refused_costs_events_no_statement(
    client, collaborator, refused, app, django_assert_num_queries, settings
):
    settings.TOKEN_RATE_PER_MINUTE = 0
    doors = Doors(client, collaborator)
    doors.hook({})
    statements = []
    for headers in ({}, {"x-zikra-machine": "second"}):
        with django_assert_num_queries(EVENT_STATEMENTS) as counted:
            doors.hook(headers)
        statements.append([query["sql"][:12] for query in counted.captured_queries])
    assert statements[0] == statements[1]


# The token and its projects, what is known of the session, and the event itself.
EVENT_STATEMENTS = 4
