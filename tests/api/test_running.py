"""The one way in: its order, its audit rows, and that what is refused changes nothing."""

import pytest
from django.db import DataError, InterfaceError, OperationalError, connection

from access import rates
from access.models import AuditEntry, Project, RoleToken
from access.roles import Role
from api import running
from api.arguments import ProjectArguments, Text
from api.reference import command_reference
from api.registry import Call, Command, CommandResult, ProjectUse, registry
from memories.models import Memory
from tests.api.conftest import refusal
from tests.conftest import make_person

AUDITED = (
    "caller",
    "role",
    "door",
    "command",
    "project__name",
    "object_type",
    "object_title",
    "outcome",
    "status",
    "detail",
)


def audited():
    return [tuple(row) for row in AuditEntry.objects.order_by("id").values_list(*AUDITED)]


@pytest.fixture
def used_up(collaborator, within_one_minute):
    """The collaborator, whose token has no call left in this minute."""
    RoleToken.objects.filter(pk=collaborator.token.pk).update(rate_per_minute=1)
    rates._server().flushdb()
    return collaborator


# --- order -----------------------------------------------------------------------------------------------------------


def test_the_alias_is_judged_before_the_role(ask, collaborator):
    assert ask(collaborator, "make_token").json()["error"] == "Unknown command 'make_token'."


def test_the_role_is_judged_before_the_scope(ask, app, secret_project):
    guest = make_person("gwen", "guest", app)
    assert refusal(ask(guest, "save_memory", project="skunkworks")) == (403, "insufficient permissions")


def test_the_scope_is_judged_before_the_rate(ask, used_up, secret_project):
    ask(used_up, "version")
    assert refusal(ask(used_up, "save_memory", project="skunkworks")) == (403, "token_scope_mismatch")


def test_the_rate_is_judged_before_the_arguments(ask, used_up):
    assert refusal(ask(used_up, "save_memory")) == (400, "title is required")
    response = ask(used_up, "save_memory")
    assert refusal(response) == (429, "Rate limit of 1 commands a minute is reached.")
    assert 1 <= int(response.headers["Retry-After"]) == response.json()["retry_after"] <= 60


def test_the_arguments_are_judged_before_the_idempotency_key(ask, collaborator):
    assert refusal(ask(collaborator, "save_memory", idempotency_key=5)) == (400, "title is required")
    assert refusal(ask(collaborator, "save_memory", title="x", idempotency_key=5)) == (
        400,
        "idempotency_key must be a string, not a number",
    )


def test_refused_calls_use_up_the_minute_too(ask, used_up, secret_project):
    ask(used_up, "nonsense")
    assert ask(used_up, "version").status_code == 429


@pytest.mark.usefixtures("within_one_minute")
def test_a_rate_of_zero_is_no_limit_and_the_settings_rate_is_the_default(ask, collaborator, owner, settings):
    settings.TOKEN_RATE_PER_MINUTE = 2
    RoleToken.objects.filter(pk=owner.token.pk).update(rate_per_minute=0)
    rates._server().flushdb()
    assert [ask(collaborator, "version").status_code for _ in range(3)] == [200, 200, 429]
    assert {ask(owner, "version").status_code for _ in range(3)} == {200}


# --- unknown commands ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ("nonsense", "Unknown command 'nonsense'."),
        ("x" * 500, f"Unknown command '{'x' * 60}'."),
        ("\ud800\x00", "Unknown command '??'."),
        ("", "command is required"),
        ("  ", "command is required"),
        (None, "command is required"),
        (5, "command must be a string, not a number"),
        (["search"], "command must be a string, not a list"),
        ({"a": 1}, "command must be a string, not an object"),
        (True, "command must be a string, not true or false"),
    ],
)
def test_an_unknown_command_teaches_all_of_them(ask, collaborator, sent, error):
    response = ask(collaborator, sent)
    assert (response.status_code, response.json()) == (
        400,
        {
            "error": error,
            "fields": {"command": [error]},
            "hint": "Send one of available_commands as `command`; each has an example in `commands`.",
            "available_commands": registry.names(),
            "commands": command_reference(),
        },
    )


def test_errors_carry_the_canonical_name_too(ask, collaborator):
    answer = ask(collaborator, "store").json()
    assert (answer["_use_command"], answer["_was_alias"], answer["_raw_command"]) == ("save_memory", True, "store")


# --- examples --------------------------------------------------------------------------------------------------------

# What must be there before the examples run, in the order in which a team would send them.
STORY = [
    "save_memory",
    "search",
    "get_memory",
    "confirm_memory",
    "pin_memory",
    "unpin_memory",
    "delete_memory",
    "restore_memory",
    "save_prompt",
    "get_prompt",
    "list_prompts",
    "save_requirement",
    "list_requirements",
    "reorder_requirements",
    "promote_requirement",
    "pull_requirement",
    "comment_requirement",
    "check_criterion",
    "finish_requirement",
    "get_requirement",
    "save_schema",
    "get_schema",
    "log_error",
    "start_run",
    "heartbeat_run",
    "active_runs",
    "checkpoint",
    "anchor",
    "restore",
    "handoff_begin",
    "handoff_list",
    "handoff_cancel",
    "handoff_accept",
    "log_run",
    "cost_report",
    "get_context",
    "hygiene_report",
    "create_token",
    "list_tokens",
    "rotate_token",
    "revoke_token",
    "version",
    "zikra_help",
    "debug_protocol",
]


def test_every_example_works_as_printed(tell, owner):
    assert sorted(STORY) == registry.names()
    for name in STORY:
        example = next(row["example"] for row in command_reference() if row["command"] == name)
        assert tell(owner, **example)["_use_command"] == name


# --- audit -----------------------------------------------------------------------------------------------------------


def test_a_write_leaves_one_row_and_a_read_none(tell, collaborator, saved):
    tell(collaborator, "search", query="vectors")
    tell(collaborator, "get_memory", id=saved["id"])
    title = "PostgreSQL is the only store"
    assert audited() == [
        ("carl", "collaborator", "webhook", "save_memory", "app", "memory", title, "done", 200, "created")
    ]
    row = AuditEntry.objects.get()
    assert (row.object_id, row.token_id, row.member_id, row.address) == (
        saved["id"],
        collaborator.token.pk,
        collaborator.member.pk,
        "127.0.0.1",
    )


def test_refused_and_invalid_calls_leave_a_row_each(ask, stranger, app):
    ask(stranger, "save_memory", title="x", project="app")
    ask(stranger, "create_token", label="x")
    ask(stranger, "save_memory")
    ask(stranger, "get_memory", title="x")
    ask(stranger, "nonsense")
    assert audited() == [
        ("sven", "admin", "webhook", "save_memory", "app", "", "", "refused", 403, "token_scope_mismatch"),
        ("sven", "admin", "webhook", "create_token", None, "", "", "refused", 403, "insufficient permissions"),
        ("sven", "admin", "webhook", "save_memory", None, "", "", "invalid", 400, "title is required"),
        ("sven", "admin", "webhook", "get_memory", None, "", "", "invalid", 404, "Memory not found"),
        ("sven", "admin", "webhook", "nonsense", None, "", "", "invalid", 400, "Unknown command 'nonsense'."),
    ]


def test_a_secret_in_a_refused_call_is_masked_in_its_row(ask, owner):
    secret = "AKIA" + "ABCDEFGHIJKLMNOP"
    assert secret in ask(owner, "create_token", label="x", role=secret).json()["error"]
    assert secret not in AuditEntry.objects.get().detail


def test_the_audit_row_and_the_write_stand_or_fall_together(ask, collaborator, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("the trail is full")

    monkeypatch.setattr(running.audit, "record_done", fail)
    assert ask(collaborator, "save_memory", title="x").status_code == 500
    assert Memory.objects.count() == 0


def test_a_write_that_fails_leaves_no_new_project(ask, owner):
    assert ask(owner, "save_memory", title="x", project="brand-new", memory_type="nonsense").status_code == 400
    assert Project.objects.count() == 0


# --- our own faults --------------------------------------------------------------------------------------------------


class EchoArguments(ProjectArguments):
    text = Text(required=False)


@pytest.fixture
def verb(monkeypatch):
    """A command `echo` whose verb a test chooses."""

    def choose(function):
        echo = Command("echo", function, EchoArguments, Role.GUEST, True, ProjectUse.READ, {})
        monkeypatch.setitem(registry._words, "echo", echo)

    return choose


def test_a_fault_is_500_without_internals_and_names_the_request(ask, collaborator, verb):
    def break_down(call: Call) -> CommandResult:
        Memory.objects.none().get(pk=call.arguments["no such key"])
        raise AssertionError

    verb(break_down)
    response = ask(collaborator, "echo", headers={"x-request-id": "r7"})
    assert (response.status_code, response.json()) == (
        500,
        {
            "error": "The portal failed to do this; nothing was changed.",
            "hint": "The portal's log has the reason under this request_id.",
            "request_id": "r7",
            "_use_command": "echo",
        },
    )
    assert [(row[3], row[7], row[8]) for row in audited()] == [("echo", "failed", 500)]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_503_with_a_time_to_come_back(ask, collaborator, verb, error):
    def away(call: Call) -> CommandResult:
        raise error("server closed the connection")

    verb(away)
    response = ask(collaborator, "echo")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert response.json() == {
        "error": "The database does not answer; nothing was changed.",
        "hint": "Try again in 2 s.",
        "_use_command": "echo",
    }


def test_a_database_that_is_away_before_the_caller_is_known_is_503_too(client, monkeypatch):
    def away(*args):
        raise OperationalError("connection refused")

    monkeypatch.setattr("api.authentication.token_for_secret", away)
    response = client.post("/webhook/zikra", {}, content_type="application/json", headers={"authorization": "Bearer x"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")


def test_a_value_that_postgresql_refuses_is_the_callers_to_mend(ask, collaborator, verb):
    def overflow(call: Call) -> CommandResult:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 9223372036854775807::bigint + 1")
        raise AssertionError

    verb(overflow)
    assert refusal(ask(collaborator, "echo")) == (400, "A value does not fit what can be stored.")
    assert DataError is not None


# --- cost ------------------------------------------------------------------------------------------------------------

# Token, its projects; savepoint; project, type, savepoint, the address, row, whether it is there, terms, version, links
# that waited for it, embedding queue, release; audit row; release.
FIRST_SAVE = 16
# Token, its projects; counts, candidates of the words, all candidates, rows.
SEARCH = 6


@pytest.mark.parametrize("already", [1, 3])
def test_a_first_save_takes_so_many_statements(tell, collaborator, django_assert_num_queries, already):
    for number in range(already):
        tell(collaborator, "save_memory", title=f"Before {number}")
    with django_assert_num_queries(FIRST_SAVE):
        tell(collaborator, "save_memory", title="Now", content_md="Words.", memory_type="note")


@pytest.mark.parametrize("already", [1, 3])
def test_a_search_takes_so_many_statements(tell, collaborator, django_assert_num_queries, already):
    for number in range(already):
        tell(collaborator, "save_memory", title=f"Words {number}", content_md="Words.")
    tell(collaborator, "search", query="words")
    with django_assert_num_queries(SEARCH):
        tell(collaborator, "search", query="words")
