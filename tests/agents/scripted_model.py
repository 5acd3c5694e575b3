"""A server on loopback that answers as three vendors' models do, one of them by two protocols, so that real agents run with no model and no network.

It follows a script of tool calls: as long as the script has a step for which no result has come, the answer is a call of
that tool, under whatever prefix the client gave it; then it says goodbye. Every request is kept for the test to read.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

GOODBYE = "That is all I wanted to know."
WAIT = "WaitForMcpServers"


@dataclass(frozen=True)
class Step:
    """One tool call: the tool's name as the server has it, and its arguments."""

    tool: str
    arguments: dict[str, Any]


@dataclass
class ScriptedModel:
    """A running server: where it is, what it will do, and every request that came."""

    steps: list[Step]
    goodbye: str = GOODBYE
    address: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)

    def next_step(self, results: int) -> Step | None:
        """The step after so many results, or None when all are done."""
        return self.steps[results] if results < len(self.steps) else None

    def heard(self, part: Callable[[dict[str, Any]], list[str]]) -> set[str]:
        """Every such part of any request."""
        return {found for request in self.requests for found in part(request)}


@dataclass(frozen=True)
class Call:
    """A call as a client expects it: the tool's name there, its arguments, and the namespace it stands in, if any."""

    name: str
    arguments: dict[str, Any]
    namespace: str = ""


def offered_name(wanted: str, names: list[str]) -> str | None:
    """The offered tool that is meant, whatever the client put before its name.

    The longest: under the prefix "mcp_zikra_", `search` looks like `zikra_search`, which has a longer name there.
    """
    return max((name for name in names if name == wanted or name.endswith(f"_{wanted}")), key=len, default=None)


# --- Anthropic's Messages --------------------------------------------------------------------------------------------


def anthropic_tools(request: dict[str, Any]) -> list[str]:
    """Names of the tools in a request."""
    return [tool["name"] for tool in request.get("tools") or []]


def anthropic_system(request: dict[str, Any]) -> list[str]:
    """Whatever the client itself told the model, before and between the words of others."""
    system = request.get("system") or ""
    plain = [said["content"] for said in request["messages"] if isinstance(said["content"], str)]
    blocks = _anthropic_blocks(request) + ([] if isinstance(system, str) else system)
    return [str(system), *plain, *(block["text"] for block in blocks if block["type"] == "text")]


def anthropic_results(request: dict[str, Any]) -> list[str]:
    """What tools answered, but for the waiting, as the client told the model."""
    blocks = _anthropic_blocks(request)
    waits = {block["id"] for block in blocks if block["type"] == "tool_use" and block["name"] == WAIT}
    results = [block for block in blocks if block["type"] == "tool_result" and block["tool_use_id"] not in waits]
    return [json.dumps(block["content"]) for block in results]


def _anthropic_blocks(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [block for said in request["messages"] if isinstance(said["content"], list) for block in said["content"]]


def anthropic_answer(model: ScriptedModel, request: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The events of one answer. While servers still connect, Claude Code offers a tool to wait for them."""
    count = len(_anthropic_blocks(request))
    step = model.next_step(len(anthropic_results(request)))
    names = anthropic_tools(request)
    name = offered_name(step.tool, names) or offered_name(WAIT, names) if step else None
    if step and name:
        content = {"type": "tool_use", "id": f"toolu_{count}", "name": name, "input": {}}
        arguments = {} if name == WAIT else step.arguments
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
        reason = "tool_use"
    else:
        content, delta, reason = {"type": "text", "text": ""}, {"type": "text_delta", "text": model.goodbye}, "end_turn"
    usage = {"input_tokens": 100, "output_tokens": 10}
    message = {
        # Of each answer its own: a transcript counts what has the same id once.
        "id": f"msg_{len(model.requests)}",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    return [
        ("message_start", {"message": message}),
        ("content_block_start", {"index": 0, "content_block": content}),
        ("content_block_delta", {"index": 0, "delta": delta}),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}),
        ("message_stop", {}),
    ]


def anthropic_whole(model: ScriptedModel, request: dict[str, Any]) -> dict[str, Any]:
    """One answer that is not streamed: side questions of the client, which get words only."""
    events = dict(anthropic_answer(ScriptedModel([]), request))
    return {
        **events["message_start"]["message"],
        "content": [{"type": "text", "text": GOODBYE}],
        "stop_reason": "end_turn",
    }


# --- OpenAI's Responses ----------------------------------------------------------------------------------------------


def openai_tools(request: dict[str, Any]) -> list[str]:
    """Names of the tools in a request, also of those that a search of the client's found."""
    return [call.name for call in _openai_calls(request)]


def openai_results(request: dict[str, Any]) -> list[str]:
    """What tools answered, as the client told the model."""
    items = request["input"] if isinstance(request.get("input"), list) else []
    return [json.dumps(item["output"]) for item in items if item.get("type") == "function_call_output"]


def openai_answer(model: ScriptedModel, request: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The events of one answer. Codex shows tools of MCP servers only to a model that searches for them."""
    items = request["input"] if isinstance(request["input"], list) else []
    done = sum(item.get("type") == "function_call_output" for item in items)
    step = model.next_step(done)
    offered = {call.name: call for call in _openai_calls(request)}
    name = offered_name(step.tool, list(offered)) if step else None
    searched = any(item.get("type") == "tool_search_output" for item in items)
    if step and name:
        out: dict[str, Any] = {
            "type": "function_call",
            "id": f"fc_{done}",
            "call_id": f"call_{done}",
            "name": name,
            "arguments": json.dumps(step.arguments),
            "status": "completed",
        }
        if offered[name].namespace:
            out["namespace"] = offered[name].namespace
    elif step and not searched and any(tool.get("type") == "tool_search" for tool in request.get("tools") or []):
        out = {
            "type": "tool_search_call",
            "id": "ts_1",
            "call_id": "search_1",
            "execution": "client",
            "status": "completed",
            "arguments": {"query": step.tool},
        }
    else:
        text = {"type": "output_text", "text": model.goodbye, "annotations": []}
        out = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 110,
    }
    response = {"id": f"resp_{len(items)}", "object": "response", "status": "completed", "model": request["model"]}
    return [
        ("response.created", {"response": {**response, "status": "in_progress", "output": []}}),
        ("response.output_item.added", {"output_index": 0, "item": out}),
        ("response.output_item.done", {"output_index": 0, "item": out}),
        ("response.completed", {"response": {**response, "output": [out], "usage": usage}}),
    ]


def _openai_calls(request: dict[str, Any]) -> list[Call]:
    tools = list(request.get("tools") or [])
    for item in request["input"] if isinstance(request.get("input"), list) else []:
        if item.get("type") == "tool_search_output":
            tools += item.get("tools") or []
    plain = [Call(tool["name"], {}) for tool in tools if tool.get("type") == "function"]
    spaces = [tool for tool in tools if tool.get("type") == "namespace"]
    return plain + [Call(tool["name"], {}, space["name"]) for space in spaces for tool in space.get("tools") or []]


# --- OpenAI's chat completions, which servers of open models speak --------------------------------------------------


def chat_tools(request: dict[str, Any]) -> list[str]:
    """Names of the tools in a request."""
    return [tool["function"]["name"] for tool in request.get("tools") or []]


def chat_results(request: dict[str, Any]) -> list[str]:
    """What tools answered, as the client told the model."""
    return [json.dumps(said["content"]) for said in request["messages"] if said["role"] == "tool"]


def chat_answer(model: ScriptedModel, request: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The pieces of one answer. Questions without tools are the client's own, such as what to call the session."""
    done = len(chat_results(request))
    names = chat_tools(request)
    step = model.next_step(done)
    name = offered_name(step.tool, names) if step else None
    reason, said = "stop", {"role": "assistant", "content": model.goodbye if names else "A scripted session"}
    if step and name:
        function = {"name": name, "arguments": json.dumps(step.arguments)}
        call = {"index": 0, "id": f"call_{done}", "type": "function", "function": function}
        reason, said = "tool_calls", {"role": "assistant", "content": None, "tool_calls": [call]}
    piece = {
        "id": f"chatcmpl-{len(model.requests)}",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": request["model"],
    }
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return [
        ("", {**piece, "choices": [{"index": 0, "delta": said, "finish_reason": None}]}),
        ("", {**piece, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage}),
    ]


# --- Google's generateContent ----------------------------------------------------------------------------------------


def gemini_tools(request: dict[str, Any]) -> list[str]:
    """Names of the tools in a request."""
    return [one["name"] for tool in request.get("tools") or [] for one in tool.get("functionDeclarations") or []]


def gemini_results(request: dict[str, Any]) -> list[str]:
    """What tools answered, as the client told the model."""
    parts = [part for said in request.get("contents") or [] for part in said.get("parts") or []]
    return [json.dumps(part["functionResponse"]["response"]) for part in parts if "functionResponse" in part]


def gemini_answer(model: ScriptedModel, request: dict[str, Any]) -> dict[str, Any]:
    """One answer, in one piece."""
    parts = [part for said in request.get("contents") or [] for part in said.get("parts") or []]
    step = model.next_step(sum("functionResponse" in part for part in parts))
    name = offered_name(step.tool, gemini_tools(request)) if step else None
    wants_json = any(key in (request.get("generationConfig") or {}) for key in ("responseSchema", "responseJsonSchema"))
    said: dict[str, Any] = {"text": model.goodbye}
    if wants_json:
        # Side questions of the client: which model to take, and who speaks next.
        said = {"text": json.dumps({"reasoning": "scripted", "model_choice": "flash", "next_speaker": "user"})}
    elif step and name:
        said = {"functionCall": {"name": name, "args": step.arguments}}
    return {
        "candidates": [{"content": {"role": "model", "parts": [said]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110},
        "modelVersion": "scripted",
    }


# --- the server ------------------------------------------------------------------------------------------------------


@contextmanager
def scripted_model(*steps: Step, goodbye: str = GOODBYE) -> Iterator[ScriptedModel]:
    """A running model that follows these steps and then says goodbye."""
    model = ScriptedModel(list(steps), goodbye)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(model))
    model.address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()


def _handler(model: ScriptedModel) -> type[BaseHTTPRequestHandler]:
    class Vendor(BaseHTTPRequestHandler):
        """Tells the vendor by the path."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            path = self.path.partition("?")[0]
            if path.endswith("count_tokens"):
                return self.send({"input_tokens": 100})
            if path.endswith(":countTokens"):
                return self.send({"totalTokens": 100})
            model.requests.append(request)
            if path.endswith("/responses"):
                return self.stream(openai_answer(model, request))
            if path.endswith("/chat/completions"):
                return self.stream(chat_answer(model, request))
            if path.endswith(("GenerateContent", ":generateContent")):
                answer = gemini_answer(model, request)
                return self.stream([("", answer)]) if "stream" in path else self.send(answer)
            if request.get("stream"):
                return self.stream(anthropic_answer(model, request))
            return self.send(anthropic_whole(model, request))

        def do_GET(self) -> None:
            self.send({"data": [], "models": []})

        def do_HEAD(self) -> None:
            self.send({})

        def send(self, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def stream(self, events: list[tuple[str, dict[str, Any]]]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            for kind, data in events:
                head, typed = (f"event: {kind}\n", {"type": kind, **data}) if kind else ("", data)
                self.wfile.write(f"{head}data: {json.dumps(typed)}\n\n".encode())

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    return Vendor
