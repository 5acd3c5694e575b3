"""What a session's events add up to, in whatever order they come."""

from hypothesis import given
from hypothesis import strategies as st

from runs.capture.digest import Digest
from runs.models import CapturedEvent
from tests.runs.capture.conftest import BEGAN, timedelta


def event(kind, body, second=0):
    return CapturedEvent(kind=kind, name=kind, body=body, at=BEGAN + timedelta(seconds=second), cwd="/srv/app")


def tool(name, given, second, **result):
    return event("post-tool-use", {"tool_name": name, "tool_input": given, "tool_response": result}, second)


LAST = """Done: the export writes CSV. We decided to use semicolons.

Should the header be bold? See [the docs](x?y=1).

## Next steps
- Export credit notes
- [ ] Write the test

Nothing else."""
EVENTS = [
    event("user-prompt", {"prompt": "Export invoices"}, 1),
    event("user-prompt", {"prompt": "With a header"}, 9),
    tool("TodoWrite", {"todos": [{"content": "Old", "status": "pending"}]}, 2),
    tool(
        "TodoWrite",
        {"todos": [{"content": "Ship", "status": "pending"}, {"content": "Done", "status": "completed"}]},
        8,
    ),
    tool("Edit", {"file_path": "/srv/app/a.py"}, 3),
    tool("Bash", {"command": "pytest"}, 4, exit_code=1, stderr="boom"),
    event("stop", {"last_assistant_message": "Earlier."}, 5),
    event("stop", {"last_assistant_message": LAST}, 10),
]


def digest_of(events):
    digest = Digest()
    for one in events:
        digest = Digest.of(digest.kept)
        digest.take(one)
    return digest


def test_a_digest_tells_what_was_asked_used_changed_and_left():
    digest = digest_of(EVENTS)
    assert (digest.title, digest.prompt_count, digest.tool_count, digest.has_work) == ("Export invoices", 2, 4, True)
    assert (digest.tools, digest.files) == ({"TodoWrite": 2, "Edit": 1, "Bash": 1}, ["a.py"])
    assert [entry[1:] for entry in digest.failures] == [["Bash: pytest", "boom"]]
    assert digest.last_state == LAST
    assert digest.open_questions() == ["Should the header be bold?"]
    assert digest.next_steps() == ["Ship", "Write the test", "Export credit notes"]
    assert digest.decisions() == ["We decided to use semicolons."]


@given(st.permutations(EVENTS))
def test_the_order_of_arrival_does_not_matter(events):
    wanted, found = digest_of(EVENTS), digest_of(events)
    assert {**found.kept, "tools": dict(sorted(found.tools.items()))} == {
        **wanted.kept,
        "tools": dict(sorted(wanted.tools.items())),
    }


def test_a_prompt_that_nothing_answered_stays_open():
    assert digest_of(EVENTS[:2]).open_questions() == ["Not answered: With a header"]
    assert digest_of([]).has_work is False
