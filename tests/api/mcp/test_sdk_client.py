"""The official SDK's client over real HTTP, in every revision: lists all, calls all, reads all."""

import json

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from access.roles import Role
from api.mcp.tools import tool_name
from api.registry import registry
from tests.api.mcp.conftest import VERSIONS
from tests.conftest import make_person

# What the examples of others need comes first, what takes it away comes last, whatever else there is between them.
FIRST = """
save_memory get_memory search confirm_memory pin_memory unpin_memory delete_memory restore_memory save_prompt save_schema
start_run heartbeat_run active_runs log_run save_requirement list_requirements promote_requirement pull_requirement
create_token
""".split()
LAST = ["finish_requirement", "rotate_token", "revoke_token"]
ORDER = [*FIRST, *(name for name in registry.names() if name not in FIRST + LAST), *LAST]

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_owner_lists_and_calls_every_tool_with_its_example(visit, owner, app, version):
    async def call_all(client):
        listed = await client.list_tools()
        answers = {}
        for name in ORDER:
            command = registry.find(name)
            result = await client.call_tool(tool_name(command), command.example)
            answers[name] = (result.is_error, result.content[0].text, result.structured_content)
        return [tool.name for tool in listed.tools], answers

    names, answers = visit(owner, call_all, version)

    assert names == [*(tool_name(command) for command in registry.all()), "search", "fetch"]
    assert sorted(answers) == registry.names()
    assert {name: text for name, (is_error, text, _) in answers.items() if is_error} == {}
    assert {name: body["_use_command"] for name, (_, _, body) in answers.items()} == {name: name for name in answers}
    assert all(json.loads(text) == body for _, text, body in answers.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_errors_come_as_results_that_say_what_to_do(visit, collaborator, version):
    async def err(client):
        missing = await client.call_tool("zikra_save_memory", {"content_md": "No title."})
        outside = await client.call_tool("zikra_search", {"query": "x", "project": "elsewhere"})
        nowhere = await client.call_tool("zikra_get_memory", {"title": "Nothing has this title"})
        return [
            (found.is_error, found.content[0].text, found.structured_content) for found in (missing, outside, nowhere)
        ]

    missing, outside, nowhere = visit(collaborator, err, version)

    assert missing == (
        True,
        "title is required\nzikra_help shows every command's arguments.",
        {
            "error": "title is required",
            "fields": {"title": ["is required"]},
            "hint": "zikra_help shows every command's arguments.",
            "_use_command": "save_memory",
        },
    )
    assert outside[:2] == (
        True,
        "This token reaches app, not 'elsewhere'.\n"
        'project_scope: ["app"]\nrequested_project: "elsewhere"\n'
        "Name a project of the scope, leave `project` out, or ask an owner to widen the token.",
    )
    assert nowhere[:2] == (True, "Memory not found")


@pytest.mark.parametrize("version", VERSIONS)
def test_memories_and_prompts_are_listed_and_read(visit, tell, collaborator, version):
    saved = tell(collaborator, "save_memory", title="Only store", content_md="PostgreSQL.", memory_type="decision")
    tell(collaborator, "save_prompt", title="Review a migration", content_md="Read it twice.")

    async def read(client):
        resources = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        prompts = (await client.list_prompts()).prompts
        text = (await client.read_resource(templates[0].uri_template.replace("{id}", saved["id"]))).contents[0]
        prompt = await client.get_prompt(prompts[0].name)
        return [(row.name, row.description) for row in resources], text, [row.name for row in prompts], prompt.messages

    resources, text, prompts, messages = visit(collaborator, read, version)

    assert resources == [("Review a migration", "prompt in app"), ("Only store", "decision in app")]
    assert (text.text, text.mime_type) == ("# Only store\n\nPostgreSQL.", "text/markdown")
    assert prompts == ["review-a-migration"]
    assert [(message.role, message.content.text) for message in messages] == [("user", "Read it twice.")]


def test_the_newest_client_finds_out_by_itself_which_era_to_speak(live_server, collaborator):
    async def walk():
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {collaborator.secret}"}) as http:
            transport = streamable_http_client(f"{live_server.url}/mcp/", http_client=http)
            async with Client(transport) as client:
                return client.protocol_version, client.server_info.name, len(client.instructions or "")

    version, name, length = anyio.run(walk)

    assert (version, name) == ("2026-07-28", "zikra")
    assert 500 < length <= 2048


@pytest.mark.parametrize("version", VERSIONS)
def test_a_guest_s_list_holds_no_writing_tool_and_calling_one_is_calling_nothing(visit, app, version):
    guest = make_person("gwen", Role.GUEST, app)

    async def try_all(client):
        listed = (await client.list_tools()).tools
        told = set()
        for name in [*(tool_name(command) for command in registry.all() if command.writes), "zikra_nonsense"]:
            try:
                told.add((await client.call_tool(name, {})).is_error)
            except Exception as error:
                told.add(str(error).replace(name, "NAME"))
        return {tool.name: tool.annotations.read_only_hint for tool in listed}, told

    listed, told = visit(guest, try_all, version)

    assert sorted(listed) == sorted(
        [tool_name(command) for command in registry.all() if command.role is Role.GUEST] + ["search", "fetch"]
    )
    assert set(listed.values()) == {True}
    assert told == {"Unknown tool: NAME"}
