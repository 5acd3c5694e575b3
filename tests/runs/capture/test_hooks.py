"""What agents' hooks say, each in its own words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.capture import hooks

KNOWN = {
    "session-start": "SessionStart session_start sessionStart session.created",
    "user-prompt": "UserPromptSubmit beforeSubmitPrompt BeforeAgent user-prompt-submit chat.message user_prompt",
    "pre-tool-use": "PreToolUse BeforeTool pre_tool_use tool.execute.before",
    "post-tool-use": "PostToolUse AfterTool PostToolUseFailure postToolUse tool.execute.after",
    "pre-compact": "PreCompact PreCompress preCompact",
    "post-compaction": "post-compaction PostCompact session.compacted",
    "notification": "Notification notification",
    "stop": "Stop AfterAgent session.idle stop",
    "session-end": "SessionEnd sessionEnd session_end session.deleted",
    "other": "BeforeModel SubagentStop x  …",
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in KNOWN.items() for name in names.split()])
def test_an_events_name_means_the_same_in_every_case(kind, name):
    assert hooks.kind_of(name).value == kind


@pytest.mark.parametrize(
    "body",
    [
        {"session_id": "s"},
        {"sessionId": "s"},
        {"sessionID": " s "},
        {"session": "s"},
        {"conversationId": "s"},
        {"info": {"id": "s"}},
        {"properties": {"sessionID": "s"}},
        {"session_id": 5, "sessionId": "", "session": {"id": 1}, "conversationId": "s"},
    ],
)
def test_the_session_is_found_under_each_agents_name(body):
    assert hooks.session_of(body) == "s"


@pytest.mark.parametrize(
    "body",
    [
        {"cwd": "/a"},
        {"current_dir": "/a"},
        {"working_dir": "/a"},
        {"directory": "/a"},
        {"workspace_roots": ["/a", "/b"]},
    ],
)
def test_the_directory_is_found_under_each_agents_name(body):
    assert hooks.directory_of(body) == "/a"


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "Do it"},
        {"message": "Do it"},
        {"text": "Do it"},
        {"prompt": [{"type": "text", "text": "Do it"}]},
        {"message": {"content": [{"type": "text", "text": "Do it"}, {"type": "image"}]}},
        {"prompt": "", "message": {"parts": [{"text": "Do it"}]}},
    ],
)
def test_a_prompt_is_a_string_or_blocks(body):
    assert hooks.prompt_of(body) == "Do it"


def used(tool, given, **more):
    return hooks.tool_use_of({"tool_name": tool, "tool_input": given, **more})


@pytest.mark.parametrize(
    ("tool", "given", "files"),
    [
        ("Write", {"file_path": "/a.py"}, ("/a.py",)),
        ("MultiEdit", {"file_path": "/a.py"}, ("/a.py",)),
        ("NotebookEdit", {"notebook_path": "/a.ipynb"}, ("/a.ipynb",)),
        ("write_file", {"file_path": "/a.py"}, ("/a.py",)),
        ("replace", {"absolute_path": "/a.py"}, ("/a.py",)),
        ("edit", {"filePath": "/a.py"}, ("/a.py",)),
        (
            "apply_patch",
            {"input": "*** Begin Patch\n*** Update File: a.py\n*** Add File: b.py\n*** End Patch"},
            ("a.py", "b.py"),
        ),
        ("shell", {"command": ["apply_patch", "*** Begin Patch\n*** Delete File: c.py\n*** End Patch"]}, ("c.py",)),
        ("Read", {"file_path": "/a.py"}, ()),
        ("Bash", {"command": "rm a.py"}, ()),
    ],
)
def test_files_are_those_that_a_tool_changes(tool, given, files):
    assert used(tool, given).files == files
    assert used(tool, given, tool_response={"success": False}).files == ()


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ({"tool_response": {"stdout": "ok", "stderr": "", "interrupted": False}}, ""),
        ({"tool_response": {"stdout": "", "stderr": "a warning", "exit_code": 0}}, ""),
        ({"tool_response": {"stderr": "1 failed", "exit_code": 1}}, "1 failed"),
        ({"tool_response": {"is_error": True, "content": [{"type": "text", "text": "no such file"}]}}, "no such file"),
        ({"tool_response": {"metadata": {"exit_code": 2}, "output": "boom"}}, "boom"),
        ({"tool_response": {"llmContent": "Output: x\nExit Code: 3"}}, "Output: x\nExit Code: 3"),
        ({"tool_response": "Process exited with code 1\nboom"}, "Process exited with code 1\nboom"),
        ({"tool_response": "Exit code: 0\nfine"}, ""),
        ({"tool_response": {"error": {"message": "denied"}}}, "denied"),
        ({"error": "denied"}, "denied"),
    ],
)
def test_a_failure_is_known_by_what_the_tool_answered(result, problem):
    assert used("Bash", {"command": "pytest"}, **result).problem == problem


def test_a_failure_is_known_by_the_events_name():
    assert hooks.tool_use_of({"tool_name": "Bash"}, "PostToolUseFailure").problem == "failed"


@pytest.mark.parametrize(
    ("body", "is_child"),
    [
        ({"agent_id": "a1"}, True),
        ({"parentSessionId": "p"}, True),
        ({"isSidechain": True}, True),
        ({"info": {"parentID": "ses_1"}}, True),
        ({"info": {"parentID": "msg_1"}}, False),
        ({"agent_type": "reviewer"}, False),
        ({}, False),
    ],
)
def test_subagents_are_told_apart(body, is_child):
    assert hooks.is_of_subagent(body) is is_child


NAMES = st.sampled_from(
    [
        *hooks.SESSION_NAMES,
        *hooks.PROMPT_NAMES,
        *hooks.RESULT_NAMES,
        *hooks.INPUT_NAMES,
        *hooks.TOOL_NAMES,
        "info",
        "properties",
        "workspace_roots",
        "todos",
        "model",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, ANYTHING, max_size=6), st.text(max_size=20))
def test_nothing_in_a_body_is_an_error(body, name):
    hooks.kind_of(name)
    found = (
        hooks.session_of(body),
        hooks.directory_of(body),
        hooks.prompt_of(body),
        hooks.last_words_of(body),
        hooks.model_of(body),
    )
    assert all(isinstance(text, str) for text in found)
    use = hooks.tool_use_of(body, name)
    assert all(isinstance(text, str) for text in (use.name, use.target, use.problem, *use.files, *use.todo))
    assert hooks.is_of_subagent(body) in (True, False)
