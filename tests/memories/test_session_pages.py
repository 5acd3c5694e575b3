"""A session's page: one memory, by rule, brought up to date in its place."""

import pytest

from memories.deleting import delete_memory
from memories.models import Memory
from memories.session_pages import write_due_pages
from runs.capture.keeping import keep_hooks
from runs.capture.working import work_waiting
from runs.models import CapturedSession, Run
from tests.runs.capture.conftest import edited, hook
from tests.runs.capture.test_working import SESSION


@pytest.fixture
def told(collaborator):
    def tell(*hooks):
        keep_hooks(collaborator.caller, list(hooks))
        work_waiting()
        return write_due_pages()

    return tell


def again(session, second=0):
    return [hook(one.words["event"], one.body, session=session, second=second + n) for n, one in enumerate(SESSION)]


def test_the_page_tells_what_the_session_did(told, app):
    assert told(*SESSION) == 1
    page = Memory.objects.get()
    assert (page.project, page.memory_type_id, page.title, page.created_by, page.run_id, page.tags) == (
        app, "conversation", "Export the invoices as CSV", "carl", Run.objects.get().pk, ["session", "claude-code"],
    )  # fmt: skip
    assert page.content_md.splitlines() == [
        "Session of carl, 2026-03-02 09:00 to 2026-03-02 09:00 UTC. claude-code · claude-sonnet-4-5 · /srv/app · csv",
        "",
        "## Asked",
        "",
        "- Export the invoices as CSV",
        "",
        "## Tools",
        "",
        "- Bash: 1",
        "- Edit: 1",
        "",
        "## Files touched",
        "",
        "- `export.py`",
        "",
        "## Failed",
        "",
        "- `Bash: pytest -q`: 1 failed",
        "",
        "## Last state",
        "",
        "The export works. Shall I add a header row?",
        "",
        "## Open questions",
        "",
        "- Shall I add a header row?",
    ]


@pytest.mark.parametrize("event", ["Stop", "PreCompact", "SessionEnd"])
def test_it_is_written_at_a_stop_before_a_compaction_and_at_the_end(told, event):
    assert told(*SESSION[:4]) == 0
    assert told(hook(event, second=4)) == 1


def test_there_is_one_page_for_a_session_updated_in_its_place(told):
    told(*SESSION[:5])
    first = Memory.objects.get()
    told(hook("UserPromptSubmit", {"prompt": "And as PDF"}, second=10), hook("Stop", second=11))
    page = Memory.objects.get()
    assert (page.pk, page.title, page.version) == (first.pk, "Export the invoices as CSV", 2)
    assert "- And as PDF" in page.content_md.splitlines()
    assert CapturedSession.objects.get().page_due_at is None


def test_a_session_without_work_has_no_page(told):
    assert told(SESSION[0], hook("Stop", second=1), hook("SessionEnd", second=2)) == 0
    assert (Run.objects.count(), Memory.objects.count()) == (1, 0)


def test_sessions_of_the_same_first_prompt_have_pages_of_their_own(told):
    for session in ("s1", "s2-abcdefgh", "s3"):
        told(*again(session))
    assert sorted(Memory.objects.values_list("title", flat=True)) == [
        "Export the invoices as CSV",
        "Export the invoices as CSV (s2-abcde)",
        "Export the invoices as CSV (s3)",
    ]


def test_a_title_has_at_most_80_characters(told):
    for session in ("s1", "s2"):
        told(
            hook("UserPromptSubmit", {"prompt": "word " * 100}, session=session),
            hook("Stop", session=session, second=1),
        )
    assert sorted(len(title) for title in Memory.objects.values_list("title", flat=True)) == [80, 80]


def test_a_deleted_page_stays_deleted(told, owner):
    told(*SESSION[:5])
    delete_memory(owner.caller, Memory.objects.get())
    assert told(edited("/srv/app/more.py", second=10), hook("Stop", second=11)) == 0
    assert Memory.objects.filter(deleted_at=None).count() == 0


def test_a_page_that_fails_stops_no_other_and_is_tried_again(told, monkeypatch, collaborator):
    from memories import session_pages

    real = session_pages.page_text
    monkeypatch.setattr(
        session_pages, "page_text", lambda run, digest: real(run, digest) if run.session_id != "s1" else 1 / 0
    )
    assert told(*SESSION, *again("s2", 50)) == 1
    assert CapturedSession.objects.with_page_due().get().run.session_id == "s1"
    monkeypatch.undo()
    assert write_due_pages() == 1
