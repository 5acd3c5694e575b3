"""The commands as tools: a role's list, and calls of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from mcp_types.jsonrpc import INVALID_PARAMS

from access.errors import Forbidden, Invalid
from api.arguments import printable
from api.mcp import connectors
from api.mcp.messages import ProtocolError
from api.mcp.schemas import input_schema
from api.mcp.visits import Visit
from api.registry import Command, registry
from api.running import Answer, refused

PREFIX = "zikra_"
# Fields of a refusal that its words say already.
SPOKEN = ("error", "message", "hint", "fields", "_use_command")


@dataclass(frozen=True)
class Tool:
    """A tool as clients see it, and what a call of it does."""

    command: Command
    definition: dict[str, Any]
    shape: Callable[[Visit, dict[str, Any]], dict[str, Any]]
    arguments: Callable[[dict[str, Any]], dict[str, Any]]


def tool_name(command: Command) -> str:
    """A command's name as a tool."""
    return command.name if command.name.startswith(PREFIX) else f"{PREFIX}{command.name}"


def list_tools(visit: Visit) -> list[dict[str, Any]]:
    """Every tool of the caller's role: the commands by name, then the two of fixed names."""
    return [tool.definition for tool in _tools().values() if visit.caller.may(tool.command.role)]


def call_tool(visit: Visit, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The result of a call, a refusal in words among them. Raises ProtocolError for a tool that the caller's list lacks."""
    tool = _tools().get(name)
    if tool is None or not visit.caller.may(tool.command.role):
        _note_unknown(visit, name, tool)
        raise ProtocolError(INVALID_PARAMS, f"Unknown tool: {printable(name, 60)}")
    answer = visit.run(tool.command.name, tool.arguments(arguments))
    if answer.status != 200:
        return _refusal(answer)
    shaped = tool.shape(visit, answer.body)
    return {"content": [_text(json.dumps(shaped, ensure_ascii=False))], "structuredContent": shaped, "isError": False}


@cache
def _tools() -> dict[str, Tool]:
    """Every tool by its name, in the order of lists."""
    found = {tool_name(command): _tool_of(command) for command in registry.all()}
    for connector in connectors.CONNECTORS:
        command = registry.find(connector.command_name)
        assert command is not None, f"the connector's tool {connector.name} needs the command {connector.command_name}"
        found[connector.name] = Tool(command, connector.definition, connector.shape, connector.arguments)
    return found


def _tool_of(command: Command) -> Tool:
    title = command.name.replace("_", " ").capitalize()
    definition = {
        "name": tool_name(command),
        "title": title,
        "description": command.documentation,
        "inputSchema": input_schema(command),
        "annotations": {
            "title": title,
            "readOnlyHint": not command.writes,
            "destructiveHint": command.destructive,
            "idempotentHint": command.idempotent,
            # Everything happens inside the portal.
            "openWorldHint": False,
        },
    }
    return Tool(command, definition, lambda visit, answer: answer, lambda arguments: arguments)


def _refusal(answer: Answer) -> dict[str, Any]:
    """A call that was not done, so that the model reads why and can do better."""
    return {"content": [_text(in_words(answer.body))], "structuredContent": answer.body, "isError": True}


def in_words(body: dict[str, Any]) -> str:
    """A refusal as a reader wants it: what was wrong, each problem, what else is known, what to do."""
    lines = [str(body.get("message") or body.get("error"))]
    for name, problems in (body.get("fields") or {}).items():
        lines += [f"- {name}: {problem}" for problem in problems if f"{name} {problem}" not in lines]
    lines += [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in body.items() if name not in SPOKEN]
    if body.get("hint"):
        lines.append(str(body["hint"]))
    return "\n".join(lines)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _note_unknown(visit: Visit, name: str, tool: Tool | None) -> None:
    """Audit and count a call that goes nowhere; the client is told the same either way."""
    if tool is None:
        refused(Invalid(f"Unknown tool '{printable(name, 60)}'."), visit.caller, "")
    else:
        refused(Forbidden(tool.command.role), visit.caller, tool.command.name)
