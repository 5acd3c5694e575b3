"""The agents that the installer knows: where each keeps its settings, and what is written there.

Formats as of the versions that docs/connect.md names; the agents' own programs decide.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from typing import Any, NamedTuple

from zikra_client import places
from zikra_client.json_editing import value_at, with_element, with_member, without_elements, without_member

# A hook takes a fraction of a second; a machine that is busy may take longer, and the agent waits no longer than this.
HOOK_SECONDS = 10
# Codex warns at each start of a hook that may hold up its end for longer.
CODEX_SECONDS = {"SessionEnd": 3}
BLOCK_BEGINS, BLOCK_ENDS = "# >>> zikra", "# <<< zikra"


class Connection(NamedTuple):
    """What an agent needs to reach the portal. machine: what the portal knows it by, as a header takes it."""

    server: str
    token: str
    machine: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the agent's own requests."""
        return {"Authorization": f"Bearer {self.token}", **self.machine_header}

    @property
    def machine_header(self) -> dict[str, str]:
        """The header that names the machine, so that it can be refused alone."""
        return {"X-Zikra-Machine": self.machine} if self.machine else {}

    @property
    def mcp(self) -> str:
        """The address for MCP clients."""
        return f"{self.server.rstrip('/')}/mcp"


def connection_here() -> Connection:
    """What the installer wrote down of the portal."""
    return Connection(str(places.settings().get("server", "")), places.token(), places.machine_in_headers())


class Member(NamedTuple):
    """A member of a JSON file. holds_token: the file is closed to others."""

    file: str
    path: tuple[str, ...]
    value: Any
    holds_token: bool = False

    def is_in(self, text: str) -> bool:
        """Whether the file has it as it should be."""
        return bool(value_at(text, self.path) == self.value)

    def put(self, text: str) -> str:
        """The file with it."""
        return with_member(text, self.path, self.value)

    def taken_out(self, text: str) -> str:
        """The file without it."""
        return without_member(text, self.path)


class Default(Member):
    """A member that a file needs and that stays as it is where it stands already, such as a format's version."""

    def is_in(self, text: str) -> bool:
        """Whether the file has any value there."""
        return value_at(text, self.path) is not None

    def taken_out(self, text: str) -> str:
        """The file as it is: others may need it by now."""
        return text


class Hook(NamedTuple):
    """One entry of a list of hooks in a JSON file; entries of others stay."""

    file: str
    path: tuple[str, ...]
    value: Any
    holds_token: bool = False

    def is_in(self, text: str) -> bool:
        """Whether it is there as it should be, once."""
        held = value_at(text, self.path)
        return [entry for entry in held if is_ours(entry)] == [self.value] if isinstance(held, list) else False

    def put(self, text: str) -> str:
        """The file with it, and with no older one of ours."""
        return with_element(self.taken_out(text), self.path, self.value)

    def taken_out(self, text: str) -> str:
        """The file without entries of ours."""
        return without_elements(text, self.path, is_ours)


class Block(NamedTuple):
    """Tables of a TOML file between two marks. table: what they hang below.

    Programs that write into such a file themselves (Codex: which hooks and directories are trusted) put their tables
    before its last comment, and so between the marks: those stay.
    """

    file: str
    table: str
    lines: str
    holds_token: bool = False

    @property
    def _beginning(self) -> str:
        return f"\n{BLOCK_BEGINS}\n{self.lines}"

    def is_in(self, text: str) -> bool:
        """Whether the file has these lines."""
        _, ours, after = text.partition(self._beginning)
        return bool(ours) and f"{BLOCK_ENDS}\n" in after

    def put(self, text: str) -> str:
        """The file with them at its end."""
        return f"{self.taken_out(text)}{self._beginning}{BLOCK_ENDS}\n"

    def taken_out(self, text: str) -> str:
        """The file without the marks and our tables between them."""
        before, begins, rest = text.partition(f"\n{BLOCK_BEGINS}\n")
        inside, ends, after = rest.partition(f"{BLOCK_ENDS}\n")
        if not begins or not ends:
            return text
        others = self._of_others(inside)
        return f"{before}\n{others}{after}" if others else before + after

    def _of_others(self, inside: str) -> str:
        kept, is_ours = [], True
        for line in inside.splitlines(keepends=True):
            header = line.strip()
            if header.startswith("["):
                is_ours = header.startswith((f"[{self.table}]", f"[{self.table}."))
            if not is_ours:
                kept.append(line)
        return "".join(kept)


class Whole(NamedTuple):
    """A file of ours."""

    file: str
    text: str
    holds_token: bool = False

    def is_in(self, text: str) -> bool:
        """Whether it is as it should be."""
        return text == self.text

    def put(self, text: str) -> str:
        """The file."""
        return self.text

    def taken_out(self, text: str) -> str:
        """Nothing."""
        return ""


Change = Any  # one of the five above


def is_ours(entry: Any) -> bool:
    """Whether an entry of a list of hooks runs our program."""
    if isinstance(entry, dict):
        return any(is_ours(value) for value in entry.values())
    if isinstance(entry, list):
        return any(is_ours(value) for value in entry)
    return isinstance(entry, str) and f"/{places.HOOK_PROGRAM}" in entry


def hook_command(agent: str, event: str) -> str:
    """The command line of a hook; it holds no secret."""
    words = [sys.executable or "python3", "-I", "-S", places.path_of("client", places.HOOK_PROGRAM), agent, event]
    return " ".join(shlex.quote(word) for word in words)


class Agent(NamedTuple):
    """An agent. name: as `--agent` takes it. marks: what tells that a person uses it: a program, or a path at home."""

    name: str
    label: str
    marks: tuple[str, ...]
    hooked: tuple[str, ...]

    def is_used(self) -> bool:
        """Whether it seems to be on this machine."""
        return any(os.path.exists(at_home(mark)) if "/" in mark else shutil.which(mark) for mark in self.marks)

    def changes(self, connection: Connection) -> list[Change]:
        """Everything that is written for it."""
        return list(CHANGES[self.name](self, connection))


def at_home(path: str) -> str:
    """A path below the person's home."""
    return os.path.join(os.path.expanduser("~"), *path.split("/"))


def _claude_hook(agent: str, event: str, matcher: str, timeout: int, **more: str) -> dict[str, Any]:
    entry = {"type": "command", "command": hook_command(agent, event), "timeout": timeout, **more}
    return {"matcher": matcher, "hooks": [entry]}


def _claude_code(agent: Agent, connection: Connection) -> list[Change]:
    folder = os.environ.get("CLAUDE_CONFIG_DIR")
    mcp = os.path.join(folder, ".claude.json") if folder else at_home(".claude.json")
    settings = os.path.join(folder, "settings.json") if folder else at_home(".claude/settings.json")
    server = {"type": "http", "url": connection.mcp, "headers": connection.headers}
    hooks = [Hook(settings, ("hooks", word), _claude_hook(agent.name, word, "", HOOK_SECONDS)) for word in agent.hooked]
    return [Member(mcp, ("mcpServers", "zikra"), server, True), *hooks]


def _codex(agent: Agent, connection: Connection) -> list[Change]:
    folder = os.environ.get("CODEX_HOME") or at_home(".codex")
    lines = (
        f'[mcp_servers.zikra]\nurl = "{connection.mcp}"\ndefault_tools_approval_mode = "approve"\n\n'
        f'[mcp_servers.zikra.http_headers]\nAuthorization = "Bearer {connection.token}"\n'
    )
    # What JSON makes of printable ASCII is a string of TOML too.
    lines += "".join(f"{name} = {json.dumps(said)}\n" for name, said in connection.machine_header.items())
    file = os.path.join(folder, "hooks.json")
    hooks = [
        Hook(file, ("hooks", word), _claude_hook(agent.name, word, "", CODEX_SECONDS.get(word, HOOK_SECONDS)))
        for word in agent.hooked
    ]
    return [Block(os.path.join(folder, "config.toml"), "mcp_servers.zikra", lines, True), *hooks]


def _gemini(agent: Agent, connection: Connection) -> list[Change]:
    file = at_home(".gemini/settings.json")
    server = {"httpUrl": connection.mcp, "headers": connection.headers, "trust": True}
    hooks = [
        Hook(file, ("hooks", word), _claude_hook(agent.name, word, "*", HOOK_SECONDS * 1000, name="zikra"))
        for word in agent.hooked
    ]
    return [Member(file, ("mcpServers", "zikra"), server, True), *hooks]


def _cursor(agent: Agent, connection: Connection) -> list[Change]:
    file = at_home(".cursor/hooks.json")
    server = {"url": connection.mcp, "headers": connection.headers}
    hooks = [Hook(file, ("hooks", word), {"command": hook_command(agent.name, word)}) for word in agent.hooked]
    return [
        Member(at_home(".cursor/mcp.json"), ("mcpServers", "zikra"), server, True),
        Default(file, ("version",), 1),
        *hooks,
    ]


def _opencode(agent: Agent, connection: Connection) -> list[Change]:
    server = {
        "type": "remote",
        "url": connection.mcp,
        "enabled": True,
        # OpenCode reads a file where its settings name one.
        "headers": {
            "Authorization": f"Bearer {{file:{places.path_of('token')}}}",
            **connection.machine_header,
        },
    }
    folder = ".config/opencode"
    return [
        Member(at_home(f"{folder}/opencode.json"), ("mcp", "zikra"), server),
        Whole(at_home(f"{folder}/plugins/zikra.ts"), opencode_plugin()),
    ]


def _vscode(agent: Agent, connection: Connection) -> list[Change]:
    folder = "Library/Application Support/Code/User" if sys.platform == "darwin" else ".config/Code/User"
    server = {"type": "http", "url": connection.mcp, "headers": connection.headers}
    return [Member(at_home(f"{folder}/mcp.json"), ("servers", "zikra"), server, True)]


def _claude_desktop(agent: Agent, connection: Connection) -> list[Change]:
    folder = "Library/Application Support/Claude" if sys.platform == "darwin" else ".config/Claude"
    server: dict[str, Any] = {
        "command": "npx",
        "args": ["-y", "mcp-remote", connection.mcp, "--header", "Authorization:${ZIKRA_AUTHORIZATION}"],
        "env": {"ZIKRA_AUTHORIZATION": f"Bearer {connection.token}"},
    }
    for name, said in connection.machine_header.items():
        server["args"] += ["--header", f"{name}:${{ZIKRA_MACHINE}}"]
        server["env"]["ZIKRA_MACHINE"] = said
    return [Member(at_home(f"{folder}/claude_desktop_config.json"), ("mcpServers", "zikra"), server, True)]


def _zed(agent: Agent, connection: Connection) -> list[Change]:
    server = {"url": connection.mcp, "headers": connection.headers}
    return [Member(at_home(".config/zed/settings.json"), ("context_servers", "zikra"), server, True)]


def opencode_plugin() -> str:
    """The plugin file for OpenCode, which tells its events to the same hook program."""
    program = [sys.executable or "python3", "-I", "-S", places.path_of("client", places.HOOK_PROGRAM), "opencode"]
    told = OPENCODE_PLUGIN.replace("PROGRAM", json.dumps(program))
    return told.replace("MILLISECONDS", str(HOOK_SECONDS * 1000))


# OpenCode waits for no handler of `event`, but for every other one: these put events into one row, so that they are told
# in their order, and `dispose`, its last word to a plugin, waits for the row's end.
OPENCODE_PLUGIN = """\
// Tells the Zikra portal what happens in sessions, and gives the model what earlier ones left.
import { spawn } from "node:child_process"

const program = PROGRAM
const longest = MILLISECONDS

function run(event: string, body: object): Promise<string> {
  return new Promise((done) => {
    try {
      const child = spawn(program[0], [...program.slice(1), event], { stdio: ["pipe", "pipe", "ignore"] })
      let said = ""
      const timer = setTimeout(() => done(""), longest)
      child.stdout.on("data", (part) => (said += part))
      child.on("close", () => { clearTimeout(timer); done(said) })
      child.on("error", () => { clearTimeout(timer); done("") })
      child.stdin.on("error", () => {})
      child.stdin.end(JSON.stringify(body))
    } catch {
      done("")
    }
  })
}

function contextIn(said: string): string {
  try { return JSON.parse(said).hookSpecificOutput.additionalContext ?? "" } catch { return "" }
}

export const Zikra = async ({ directory }: { directory: string }) => {
  const contexts = new Map<string, Promise<string>>()
  const parents = new Map<string, string>()
  const answers = new Map<string, string>()
  const used = new Map<string, Map<string, object>>()
  let row: Promise<unknown> = Promise.resolve()

  function tell(event: string, id: string, more: object = {}): Promise<string> {
    const parent = parents.get(id)
    const body = { session_id: id, cwd: directory, ...(parent ? { parent_session_id: parent } : {}), ...more }
    const told = row.then(() => run(event, body))
    row = told
    return told
  }
  // Each session once, whatever is heard of it first; what another agent's session started has no beginning of its own.
  function start(id: string, source: string): Promise<string> {
    if (parents.has(id)) return Promise.resolve("")
    if (!contexts.has(id)) contexts.set(id, tell("session-start", id, { source }).then(contextIn))
    return contexts.get(id)!
  }
  function startAgain(id: string) {
    const before = start(id, "resume")
    const again = tell("session-start", id, { source: "compact" }).then(contextIn)
    contexts.set(id, Promise.all([before, again]).then((texts) => texts.filter(Boolean).join("\\n\\n")))
  }
  // Tokens of what a session started are its own.
  function count(message: any) {
    let id = message.sessionID
    while (parents.has(id)) id = parents.get(id)!
    if (!used.has(id)) used.set(id, new Map())
    const { sessionID, modelID, tokens, time } = message
    used.get(id)!.set(message.id, { id: message.id, sessionID, modelID, tokens, time })
  }
  function usage(id: string) {
    const messages = [...(used.get(id)?.values() ?? [])]
    used.delete(id)
    return messages.length ? { zikra_messages: messages } : {}
  }
  function stop(id: string) {
    tell("stop", id, { ...(answers.has(id) ? { last_assistant_message: answers.get(id) } : {}), ...usage(id) })
    answers.delete(id)
  }
  function end(id: string) {
    if (contexts.delete(id)) tell("session-end", id, usage(id))
  }

  return {
    event: async ({ event }: any) => {
      const { info, sessionID } = event.properties ?? {}
      const id = sessionID ?? info?.id
      if (event.type === "session.created" && info?.parentID) parents.set(id, info.parentID)
      else if (event.type === "session.created") start(id, "startup")
      else if (event.type === "message.updated" && info?.role === "assistant" && info.time?.completed) count(info)
      else if (event.type === "session.idle" && contexts.has(id)) stop(id)
      else if (event.type === "session.compacted" && contexts.has(id)) { tell("post-compaction", id); startAgain(id) }
      else if (event.type === "session.deleted") end(id)
    },
    "chat.message": async (input: any, output: any) => {
      const text = (output.parts ?? []).filter((part: any) => part.type === "text" && !part.synthetic)
        .map((part: any) => part.text).join("\\n")
      start(input.sessionID, "resume")
      await tell("user-prompt", input.sessionID, { prompt: text, model: input.model?.modelID ?? output.message?.model?.modelID })
    },
    "tool.execute.after": async (input: any, output: any) => {
      const { output: said, metadata } = output
      await tell("post-tool-use", input.sessionID, {
        tool_name: input.tool, tool_input: input.args ?? {},
        tool_response: metadata?.exit ? { output: said, exit_code: metadata.exit } : said,
      })
    },
    "experimental.text.complete": async (input: any, output: any) => {
      if (output.text) answers.set(input.sessionID, output.text)
    },
    "experimental.session.compacting": async (input: any) => {
      await tell("pre-compact", input.sessionID)
    },
    "experimental.chat.system.transform": async (input: any, output: any) => {
      const context = input.sessionID ? await contexts.get(input.sessionID) : ""
      if (context) output.system.push(context)
    },
    dispose: async () => {
      for (const id of [...contexts.keys()]) end(id)
      await row
    },
  }
}
"""

CLAUDE_EVENTS = ("SessionStart", "UserPromptSubmit", "PostToolUse", "PreCompact", "Stop", "SessionEnd")
AGENTS = (
    Agent("claude-code", "Claude Code", ("claude", ".claude/"), CLAUDE_EVENTS),
    Agent("codex", "Codex", ("codex", ".codex/"), CLAUDE_EVENTS),
    Agent(
        "gemini-cli",
        "Gemini CLI",
        ("gemini", ".gemini/"),
        ("SessionStart", "BeforeAgent", "AfterTool", "PreCompress", "AfterAgent", "SessionEnd"),
    ),
    Agent(
        "cursor",
        "Cursor",
        ("cursor", ".cursor/"),
        ("sessionStart", "beforeSubmitPrompt", "postToolUse", "preCompact", "stop", "sessionEnd"),
    ),
    Agent("opencode", "OpenCode", ("opencode", ".config/opencode/"), ()),
    Agent("vscode", "VS Code with Copilot", ("code", ".config/Code/User/"), ()),
    Agent("claude-desktop", "Claude Desktop", (".config/Claude/", "Library/Application Support/Claude/"), ()),
    Agent("zed", "Zed", ("zed", ".config/zed/"), ()),
)
CHANGES = {
    "claude-code": _claude_code,
    "codex": _codex,
    "gemini-cli": _gemini,
    "cursor": _cursor,
    "opencode": _opencode,
    "vscode": _vscode,
    "claude-desktop": _claude_desktop,
    "zed": _zed,
}
