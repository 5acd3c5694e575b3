"""Tools as they are listed: one for each command of the role, flat, and told what they do to the world."""

import jsonschema
import pytest

from access.roles import Role
from api.mcp.instructions import INSTRUCTIONS
from api.mcp.tools import in_words, tool_name
from api.registry import registry
from tests.conftest import make_person

pytestmark = pytest.mark.django_db
# What vendors' models stumble over in a tool's schema.
FORBIDDEN = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "not", "definitions"}
PLAIN = {"string", "integer", "number", "boolean", "array", "object"}


@pytest.fixture
def tools(request_of, owner):
    return {tool["name"]: tool for tool in request_of(owner, "tools/list")["tools"]}


def keys_in(value):
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys_in(inner)}
    return {key for inner in value for key in keys_in(inner)} if isinstance(value, list) else set()


@pytest.mark.parametrize("role", Role)
def test_each_role_lists_what_it_may_call(request_of, app, role):
    person = make_person("rita", role, app)

    listed = [tool["name"] for tool in request_of(person, "tools/list")["tools"]]

    may = [tool_name(command) for command in registry.all() if role.includes(command.role)]
    assert listed == [*may, "search", "fetch"]


def test_names_are_the_commands_with_one_prefix(tools):
    assert {"zikra_search", "zikra_save_memory", "zikra_help", "zikra_version"} <= set(tools)
    assert "zikra_zikra_help" not in tools


def test_every_schema_is_flat_and_takes_the_command_s_example(tools):
    for command in registry.all():
        schema = tools[tool_name(command)]["inputSchema"]
        jsonschema.Draft202012Validator.check_schema(schema)
        assert keys_in(schema) & FORBIDDEN == set()
        assert {found["type"] for found in schema["properties"].values()} <= PLAIN
        assert {found.get("format") for found in schema["properties"].values()} <= {None, "date-time"}
        given = set(command.serializer.fields) | ({"idempotency_key"} if command.writes else set())
        assert set(schema["properties"]) == given
        assert schema.get("required", []) == command.required
        jsonschema.validate(command.example, schema)


def test_every_tool_says_what_it_does_to_the_world(tools):
    for command in registry.all():
        tool = tools[tool_name(command)]
        assert tool["annotations"] == {
            "title": tool["title"],
            "readOnlyHint": not command.writes,
            "destructiveHint": command.destructive,
            "idempotentHint": command.idempotent,
            "openWorldHint": False,
        }
        assert tool["description"] == command.documentation
    destructive = {name for name, tool in tools.items() if tool["annotations"]["destructiveHint"]}
    assert destructive == {"zikra_delete_memory", "zikra_revoke_token", "zikra_rotate_token"}


def test_a_field_s_bounds_and_words_reach_the_schema(tools):
    properties = tools["zikra_search"]["inputSchema"]["properties"]

    assert properties["limit"] == {
        "type": "integer", "minimum": 1, "maximum": 100, "default": 10, "description": "Results at most, 1 to 100.",
    }  # fmt: skip
    assert properties["run_id"]["description"].endswith("A UUID.")
    assert properties["tags"]["items"] == {"type": "string"}
    assert properties["since"]["format"] == "date-time"


def test_an_idempotency_key_holds_at_this_door_too(use, collaborator):
    first = use(collaborator, "zikra_log_error", message="disk full", idempotency_key="k1")
    second = use(collaborator, "zikra_log_error", message="disk full", idempotency_key="k1")

    assert first == second


def test_instructions_fit_where_clients_cut_them(request_of, owner):
    told = request_of(owner, "server/discover")["instructions"]

    assert told == INSTRUCTIONS
    assert len(told) <= 2048
    named = {
        word
        for word in told.replace(",", " ").replace(".", " ").replace(";", " ").replace(":", " ").split()
        if word.startswith("zikra_")
    }
    assert named <= {tool_name(command) for command in registry.all()}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "Memory not found", "_use_command": "get_memory"}, "Memory not found"),
        ({"error": "code", "message": "In words."}, "In words."),
        ({"error": "a is required", "fields": {"a": ["is required"]}, "hint": "Look."}, "a is required\nLook."),
        (
            {"error": "a is required", "fields": {"a": ["is required"], "b": ["is odd", "is long"]}},
            "a is required\n- b: is odd\n- b: is long",
        ),
        (
            {"error": "insufficient permissions", "required_role": "admin"},
            'insufficient permissions\nrequired_role: "admin"',
        ),
    ],
)
def test_a_refusal_reads_as_words(body, words):
    assert in_words(body) == words
