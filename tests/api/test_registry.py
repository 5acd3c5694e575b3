"""Declaring commands: what is incomplete is refused, and what is declared is derived everywhere."""

from pathlib import Path

import pytest
from rest_framework import serializers

from access.roles import Role
from api.arguments import Arguments, ProjectArguments, Text
from api.reference import commands_page
from api.registry import Call, CommandResult, DeclarationError, ProjectUse, Registry, command, registry

TESTS = Path(__file__).parent / "commands"
PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


class Greeting(Arguments):
    name = Text()


class Nested(Arguments):
    inner = Greeting()


def documented(call: Call) -> CommandResult:
    """Greet somebody."""
    return CommandResult({})


def undocumented(call: Call) -> CommandResult:
    return CommandResult({})


def declare(into, function=documented, name="greet", **changed):
    declared = {
        "arguments": Greeting,
        "role": Role.GUEST,
        "writes": False,
        "project": ProjectUse.NONE,
        "example": {"name": "ana"},
        **changed,
    }
    command(name, into=into, **declared)(function)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"function": undocumented}, "has no docstring"),
        ({"role": None}, "names no role"),
        ({"role": "guest"}, "names no role"),
        ({"arguments": None}, "has no serializer for its arguments"),
        ({"arguments": serializers.Serializer}, "has no serializer for its arguments"),
        ({"arguments": Nested, "example": {}}, "nests serializers; MCP clients need flat arguments"),
        ({"project": ProjectUse.READ}, "uses a project but does not accept the argument"),
        ({"example": {}}, "has an example that its serializer refuses: name is required"),
        ({"aliases": ["Hello"]}, "has a name or alias that is not in lower case"),
        ({"aliases": ["hi", "hi"]}, "uses the word 'hi', which is taken"),
        ({"aliases": ["greet"]}, "uses the word 'greet', which is taken"),
        ({"aliases": ["taken"]}, "uses the word 'taken', which is taken"),
    ],
)
def test_an_incomplete_declaration_is_refused_and_leaves_nothing(changed, reason):
    commands = Registry()
    declare(commands, name="other", aliases=["taken"])
    with pytest.raises(DeclarationError) as refusal:
        declare(commands, **changed)
    assert str(refusal.value) == f"Command 'greet' {reason}."
    assert commands.names() == ["other"]
    assert commands.find("greet") is None


def test_a_command_without_a_role_cannot_be_declared():
    with pytest.raises(TypeError, match="role"):
        command("greet", arguments=Greeting, writes=False, project=ProjectUse.NONE, example={"name": "ana"})


def test_a_word_finds_its_command_whatever_its_case_and_blanks():
    commands = Registry()
    declare(commands, aliases=["hello"])
    assert [found and found.name for found in map(commands.find, ["greet", " GREET\n", "Hello", "hel lo", ""])] == [
        "greet",
        "greet",
        "greet",
        None,
        None,
    ]


def test_every_command_stands_in_a_file_of_its_name_and_has_a_file_of_tests():
    declared = {found.name: found.function.__module__ for found in registry.all()}
    assert declared == {name: f"api.commands.{name}" for name in declared}
    assert sorted(path.name for path in TESTS.glob("test_*.py")) == [f"test_{name}.py" for name in sorted(declared)]


def test_the_written_reference_is_the_derived_one():
    assert PAGE.read_text() == commands_page(), "Run: manage.py write_commands_reference"


def test_every_project_argument_is_the_same_one():
    uses = [found for found in registry.all() if found.project is not ProjectUse.NONE]
    assert {found.serializer.fields["project"].max_length for found in uses} == {100}
    assert all(issubclass(found.arguments, ProjectArguments) for found in uses)


# Names, aliases and roles that existing clients rely on.
CONTRACT = {
    "search": ("guest", "find, query, recall, lookup, search_memory, find_memory, retrieve, remember"),
    "save_memory": ("collaborator", "save, store, write_memory, add_memory, write"),
    "get_memory": ("guest", "fetch_memory, read_memory, load_memory"),
    "delete_memory": ("admin", "remove_memory, forget_memory, forget"),
    "restore_memory": ("admin", "undelete_memory"),
    "confirm_memory": ("collaborator", "still_true"),
    "pin_memory": ("admin", "pin"),
    "unpin_memory": ("admin", "unpin"),
    "save_prompt": ("collaborator", "write_prompt, store_prompt"),
    "get_prompt": ("guest", "run_prompt, fetch_prompt, load_prompt, execute_prompt"),
    "list_prompts": ("guest", "get_prompts"),
    "save_requirement": ("collaborator", "add_requirement, write_requirement"),
    "list_requirements": ("guest", "list_reqs, get_requirements"),
    "promote_requirement": ("owner", "promote"),
    "reorder_requirements": ("owner", "place_requirements"),
    "get_requirement": ("guest", "fetch_requirement"),
    "pull_requirement": ("collaborator", "next_requirement, claim_requirement"),
    "finish_requirement": ("collaborator", "complete_requirement"),
    "comment_requirement": ("collaborator", "comment"),
    "check_criterion": ("collaborator", "meet_criterion"),
    "start_run": ("collaborator", "begin_run, log_start"),
    "heartbeat_run": ("collaborator", "touch_run"),
    "active_runs": ("guest", "list_active_runs"),
    "log_run": ("collaborator", "log_session, end_session, finish_run, log_completion"),
    "handoff_begin": ("collaborator", "begin_handoff, hand_off"),
    "handoff_list": ("guest", "list_handoffs"),
    "handoff_accept": ("collaborator", "accept_handoff, take_handoff"),
    "handoff_cancel": ("collaborator", "cancel_handoff"),
    "checkpoint": ("collaborator", "save_checkpoint"),
    "restore": ("collaborator", "restore_checkpoint"),
    "anchor": ("collaborator", "pin_fact"),
    "cost_report": ("collaborator", "costs, spending, usage_report"),
    "log_error": ("collaborator", "log_bug, report_error, save_error, log_failure"),
    "save_schema": ("collaborator", "store_schema"),
    "get_schema": ("guest", "schema, get_db"),
    "get_context": ("guest", "session_context, inject"),
    "hygiene_report": ("guest", "orphan_report, stale_report"),
    "create_token": ("owner", "new_token, token"),
    "list_tokens": ("owner", ""),
    "revoke_token": ("owner", ""),
    "rotate_token": ("owner", ""),
    "version": ("guest", "ver, server_version"),
    "zikra_help": ("guest", "help"),
    "debug_protocol": ("admin", "debug, dp"),
}


def test_names_aliases_and_roles_are_the_contracted_ones():
    declared = {found.name: (found.role.value, ", ".join(found.aliases)) for found in registry.all()}
    assert declared == CONTRACT
