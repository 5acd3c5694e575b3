"""What an agent's hook says, whichever agent it is: pure reading, no database.

Each agent has its own names for the same events and fields; here they become one. Nothing in a body is trusted to have
the type that it should have.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from runs.models import CapturedKind
from runs.transcripts import part_of, text_of

# Words of an event's name, without their separators and in lower case, and what they mean.
KINDS = {
    "sessionstart": CapturedKind.SESSION_START,
    "sessioncreated": CapturedKind.SESSION_START,
    "userprompt": CapturedKind.USER_PROMPT,
    "userpromptsubmit": CapturedKind.USER_PROMPT,
    "beforesubmitprompt": CapturedKind.USER_PROMPT,
    "beforeagent": CapturedKind.USER_PROMPT,
    "chatmessage": CapturedKind.USER_PROMPT,
    "pretooluse": CapturedKind.PRE_TOOL_USE,
    "beforetool": CapturedKind.PRE_TOOL_USE,
    "toolexecutebefore": CapturedKind.PRE_TOOL_USE,
    "posttooluse": CapturedKind.POST_TOOL_USE,
    "posttoolusefailure": CapturedKind.POST_TOOL_USE,
    "aftertool": CapturedKind.POST_TOOL_USE,
    "toolexecuteafter": CapturedKind.POST_TOOL_USE,
    "precompact": CapturedKind.PRE_COMPACT,
    "precompress": CapturedKind.PRE_COMPACT,
    "postcompaction": CapturedKind.POST_COMPACTION,
    "postcompact": CapturedKind.POST_COMPACTION,
    "sessioncompacted": CapturedKind.POST_COMPACTION,
    "notification": CapturedKind.NOTIFICATION,
    "stop": CapturedKind.STOP,
    "afteragent": CapturedKind.STOP,
    "sessionidle": CapturedKind.STOP,
    "sessionend": CapturedKind.SESSION_END,
    "sessiondeleted": CapturedKind.SESSION_END,
}
NOT_A_LETTER = re.compile(r"[^a-z0-9]+")
SESSION_NAMES = ("session_id", "sessionId", "sessionID", "session", "conversationId", "conversation_id")
DIRECTORY_NAMES = ("cwd", "current_dir", "working_dir", "directory")
PROMPT_NAMES = ("prompt", "message", "text")
RESULT_NAMES = ("tool_response", "tool_output", "output", "result", "error")
TOOL_NAMES = ("tool_name", "toolName", "tool")
INPUT_NAMES = ("tool_input", "toolInput", "args", "arguments")
LAST_WORDS_NAMES = ("last_assistant_message", "prompt_response", "last_message", "response")
# Marks of an agent that another agent started; its work is part of the session that started it.
SUBAGENT_NAMES = ("agent_id", "agentId", "parent_session_id", "parentSessionId")
# Tools that change files, by their names without separators, and where their input names the file.
EDITORS = frozenset(
    "write edit multiedit notebookedit writefile replace editfile createfile strreplace searchreplace patch "
    "afterfileedit strreplaceeditor strreplacebasededittool".split()
)
PATH_NAMES = ("file_path", "filePath", "notebook_path", "absolute_path", "path", "target_file")
PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)
SHELLS = frozenset("bash shell runshellcommand exec execcommand localshell runterminalcmd terminal".split())
HOOK_CONTEXT = re.compile(r"\A\s*<hook_context>.*?</hook_context>\s*", re.DOTALL)
COMMAND_NAMES = ("command", "cmd", "script")
EXIT_CODE = re.compile(r"(?:exit code|exited with code)[: ]{1,3}(-?\d{1,10})", re.IGNORECASE)
EXIT_NAMES = ("exit_code", "exitCode", "returncode", "status_code")


def kind_of(event: str) -> CapturedKind:
    """What an event's name means, in whatever case it is written; OTHER for names that are not known."""
    return KINDS.get(NOT_A_LETTER.sub("", event.lower()), CapturedKind.OTHER)


def session_of(body: dict[str, Any]) -> str:
    """The session's id that a body tells, or ""."""
    named = _first_text(body, SESSION_NAMES)
    nested = (part_of(body, "info").get("id"), part_of(body, "properties").get("sessionID"))
    return named or next((found for found in map(text_of, nested) if found), "")


def directory_of(body: dict[str, Any]) -> str:
    """The directory that a body tells, or ""."""
    named = _first_text(body, DIRECTORY_NAMES)
    roots = body.get("workspace_roots")
    return named or (text_of(roots[0]) if isinstance(roots, list) and roots else "")


def is_of_subagent(body: dict[str, Any]) -> bool:
    """Whether an agent tells it that another agent started."""
    info = part_of(body, "info") or part_of(part_of(body, "properties"), "info")
    # A message has a parent too; the ids of sessions say that they are.
    is_child = text_of(info.get("parentID")).startswith("ses")
    is_aside = body.get("isSidechain") is True or body.get("is_sidechain") is True
    return bool(_first_text(body, SUBAGENT_NAMES)) or is_child or is_aside


def words_of(value: Any) -> str:
    """The text of a string, of content blocks, or of an object that holds one; "" for anything else."""
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, list):
        return "\n".join(filter(None, map(words_of, value)))
    if isinstance(value, dict):
        return next((told for told in (words_of(value.get(name)) for name in ("text", "content", "parts")) if told), "")
    return ""


def prompt_of(body: dict[str, Any]) -> str:
    """What a person asked, or "". What Gemini CLI puts before it, which hooks gave it, nobody asked."""
    told = next((told for told in (words_of(body.get(name)) for name in PROMPT_NAMES) if told), "")
    return HOOK_CONTEXT.sub("", told)


def last_words_of(body: dict[str, Any]) -> str:
    """What the agent said last, where its hook tells that."""
    return next((told for told in (words_of(body.get(name)) for name in LAST_WORDS_NAMES) if told), "")


def model_of(body: dict[str, Any]) -> str:
    """The model's name, or ""."""
    model = body.get("model")
    return (
        text_of(model)
        or text_of(part_of(body, "model").get("id"))
        or text_of(part_of(body, "llm_request").get("model"))
    )


def branch_of(body: dict[str, Any]) -> str:
    """The branch that a body tells, or ""."""
    return _first_text(body, ("git_branch", "gitBranch", "branch"))


def result_of(body: dict[str, Any]) -> Any:
    """What a tool answered: the first of the fields that may hold it, None where none does."""
    return next((body[name] for name in RESULT_NAMES if body.get(name) not in (None, "")), None)


@dataclass(frozen=True)
class ToolUse:
    """One use of a tool. target: the command, file or address that it was used on, "" where its input names none.

    problem: for a use that failed, what was said about it (at least "failed"); else "".
    """

    name: str
    target: str = ""
    is_shell: bool = False
    files: tuple[str, ...] = ()
    problem: str = ""
    todo: tuple[str, ...] = field(default=())


def tool_use_of(body: dict[str, Any], event: str = "") -> ToolUse:
    """What a post-tool-use event tells. event: the event's own name, for agents that tell of failures by it."""
    name = _first_text(body, TOOL_NAMES) or text_of(part_of(body, "properties").get("tool")) or "tool"
    given = next((body[found] for found in INPUT_NAMES if body.get(found) not in (None, "")), None)
    given = _as_object(given)
    folded = NOT_A_LETTER.sub("", name.lower())
    problem = _problem(body, event)
    return ToolUse(
        name=name,
        target=_target(given),
        is_shell=folded in SHELLS,
        files=() if problem else tuple(_files(folded, given)),
        problem=problem,
        todo=tuple(_todo(given)),
    )


def _as_object(value: Any) -> dict[str, Any]:
    """A tool's input as an object; a string may be JSON, else it is the input's only text."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        return {}
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"input": value}


def _target(given: dict[str, Any]) -> str:
    command = next((given[name] for name in COMMAND_NAMES if given.get(name)), None)
    if isinstance(command, list):
        return " ".join(text_of(word) for word in command)
    found = text_of(command) or _first_text(given, (*PATH_NAMES, "pattern", "query", "url", "description"))
    patched = PATCHED.findall(found) if found.startswith("*** Begin Patch") else []
    return ", ".join(patched) or found


def _files(folded: str, given: dict[str, Any]) -> Iterator[str]:
    if folded in EDITORS:
        path = _first_text(given, PATH_NAMES)
        if path:
            yield path
    if folded == "applypatch" or folded in SHELLS or folded == "patch":
        for name in ("command", "input", "patch", "patchText", "cmd"):
            patch = given.get(name)
            text = " ".join(map(text_of, patch)) if isinstance(patch, list) else text_of(patch)
            if "*** Begin Patch" in text:
                yield from (found.strip() for found in PATCHED.findall(text))


def _todo(given: dict[str, Any]) -> Iterator[str]:
    """What a list of tasks still holds, of tools that keep one."""
    for name in ("todos", "plan"):
        entries = given.get(name)
        if isinstance(entries, list):
            for entry in entries:
                state = text_of(part_of({"entry": entry}, "entry").get("status"))
                words = _first_text(entry, ("content", "step", "description")) if isinstance(entry, dict) else ""
                if words and state not in ("completed", "done", "cancelled"):
                    yield words


def _problem(body: dict[str, Any], event: str) -> str:
    result = result_of(body)
    told = _object_problem(result) if isinstance(result, dict) else _text_problem(text_of(result))
    if told:
        return told
    if NOT_A_LETTER.sub("", event.lower()) == "posttoolusefailure" or body.get("is_error") is True:
        return words_of(body.get("error")) or words_of(result) or "failed"
    return words_of(body.get("error")) if isinstance(body.get("error"), str | dict) else ""


def _object_problem(result: dict[str, Any]) -> str:
    exits = [result[name] for name in EXIT_NAMES if isinstance(result.get(name), int)]
    metadata = part_of(result, "metadata")
    exits += [metadata[name] for name in EXIT_NAMES if isinstance(metadata.get(name), int)]
    error = words_of(result.get("error")) or words_of(part_of(result, "error").get("message"))
    failed = any(exits) or result.get("is_error") is True or result.get("isError") is True
    failed = failed or result.get("success") is False or result.get("interrupted") is True
    if failed or error:
        texts = (error, text_of(result.get("stderr")), words_of(result.get("output")), words_of(result.get("content")))
        return next((text for text in texts if text), "failed")
    return next(
        (found for found in (_text_problem(words_of(result.get(name))) for name in ("llmContent", "output")) if found),
        "",
    )


def _text_problem(text: str) -> str:
    """The text itself where it tells of an exit code that is not 0, as some agents' shells do in words."""
    code = EXIT_CODE.search(text)
    return text if code and int(code[1]) else ""


def _first_text(body: Any, names: tuple[str, ...]) -> str:
    if not isinstance(body, dict):
        return ""
    return next((text for text in (text_of(body.get(name)) for name in names) if text), "")
