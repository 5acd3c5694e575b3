"""A session's page: a memory of type conversation that tells by rule, without any model, what a session was about.

One for each session that did any work, brought up to date in its place while the session goes on.
"""

import uuid

import structlog
from django.db import transaction
from django.utils import timezone

from access.callers import Caller
from access.models import Project
from access.roles import Role
from memories import session_rewriting
from memories.models import Memory
from memories.saving import SavedMemory, save_memory
from runs.capture.digest import TITLE_LENGTH, Digest
from runs.models import CapturedSession, Run

log = structlog.get_logger(__name__)

PAGE_TYPE = "conversation"
FILES_SHOWN = 50
PROMPT_SHOWN = 400
PAGES_AT_ONCE = 100


def write_due_pages() -> int:
    """Write the pages that are behind; answers how many. One that fails is left for the next time and stops no other."""
    written = 0
    failed: list[uuid.UUID] = []
    while True:
        due = CapturedSession.objects.with_page_due().exclude(pk__in=failed)
        run_ids = list(due.values_list("pk", flat=True)[:PAGES_AT_ONCE])
        if not run_ids:
            return written
        for run_id in run_ids:
            try:
                written += write_page(run_id) is not None
            except Exception:
                log.exception("session_page_not_written", run_id=str(run_id))
                failed.append(run_id)


def write_page(run_id: uuid.UUID) -> SavedMemory | None:
    """Write or update a session's page; None where there is nothing to write.

    A page that a person deleted stays deleted, and a text that a person accepted for it stays as it is.
    """
    with transaction.atomic():
        captured = CapturedSession.objects.select_for_update(of=("self",)).select_related("run__project").get(pk=run_id)
        captured.page_due_at = None
        captured.save(update_fields=["page_due_at"])
        digest = Digest.of(captured.digest)
        if not digest.has_work or captured.page_is_kept:
            return None
        run = captured.run
        known = Memory.objects.filter(pk=captured.page_id).first() if captured.page_id else None
        if known is not None and known.deleted_at is not None:
            return None
        title, memory_type = (known.title, known.memory_type_id) if known else (_fresh_title(run, digest), PAGE_TYPE)
        saved = save_memory(
            caller_of_run(run),
            run.project,
            memory_type,
            title,
            content_md=page_text(run, digest),
            tags=list(dict.fromkeys([*(known.tags if known else ()), *filter(None, ("session", run.agent[:100]))])),
            source_file=f"session:{run.session_id}",
            run_id=run.pk,
        )
        captured.page_id = saved.memory.pk
        if run.finished_at is not None and saved.action != "unchanged" and session_rewriting.is_configured():
            captured.rewrite_due_at = timezone.now()
            transaction.on_commit(session_rewriting.wake, robust=True)
        captured.save(update_fields=["page_id", "rewrite_due_at"])
        return saved


def page_text(run: Run, digest: Digest) -> str:
    """The page's Markdown: what was asked, tools by count, files touched, what failed, the last state, what is open."""
    asked = [f"- {_on_one_line(text, PROMPT_SHOWN)}" for _, text in _prompts(digest)]
    left_out = digest.prompt_count - len(asked)
    tools = sorted(digest.tools.items(), key=lambda told: (-told[1], told[0]))
    sections = (
        ("Asked", [*([f"- … {left_out} more"] if left_out > 0 else []), *asked]),
        ("Tools", [f"- {name}: {count}" for name, count in tools]),
        ("Files touched", _shown(digest.files)),
        ("Failed", [f"- `{what}`: {problem}" for _, what, problem in digest.failures]),
        ("Last state", [digest.last_state] if digest.last_state else []),
        ("Open questions", [f"- {question}" for question in digest.open_questions()]),
        ("Next steps", [f"- {step}" for step in digest.next_steps()]),
    )
    return "\n".join([_head(run), *(f"\n## {name}\n\n" + "\n".join(lines) for name, lines in sections if lines)]) + "\n"


def caller_of_run(run: Run) -> Caller:
    """The person whose run it is, with the right to write in its project."""
    return Caller(
        name=run.person or run.reported_by,
        role=Role.COLLABORATOR,
        project_ids=frozenset({run.project_id}),
        project_names=(run.project.name,),
        door="task",
        token_id=run.token_id,
        member_id=run.member_id,
    )


def _prompts(digest: Digest) -> list[list[str]]:
    """The prompts that are still known, the first one always."""
    first = [digest.first_prompt] if digest.first_prompt and digest.first_prompt not in digest.prompts else []
    return [*first, *digest.prompts]


def _head(run: Run) -> str:
    ended = f" to {run.finished_at:%Y-%m-%d %H:%M}" if run.finished_at else ", still running"
    where = " · ".join(filter(None, (run.agent, run.model, run.machine, run.cwd, run.branch)))
    return f"Session of {run.person or 'nobody'}, {run.started_at:%Y-%m-%d %H:%M}{ended} UTC. {where}".strip()


def _shown(files: list[str]) -> list[str]:
    more = len(files) - FILES_SHOWN
    return [*(f"- `{path}`" for path in files[:FILES_SHOWN]), *([f"- … {more} more"] if more > 0 else [])]


def _on_one_line(text: str, length: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= length else words[: length - 1].rstrip() + "…"


def _fresh_title(run: Run, digest: Digest) -> str:
    """The first prompt's beginning; where another session's page has that title, the session's id tells them apart."""
    title = digest.title or _on_one_line(
        f"Session of {run.agent or run.person} on {run.started_at:%Y-%m-%d}", TITLE_LENGTH
    )
    # Two pages of the same title made at once would be one.
    Project.objects.select_for_update(no_key=True).filter(pk=run.project_id).first()
    taken = Memory.objects.filter(project_id=run.project_id, deleted_at=None).of_type(PAGE_TYPE)
    for mark in ("", f" ({run.session_id[:8]})", f" ({run.started_at:%Y-%m-%d %H:%M})", f" ({run.pk})"):
        wanted = _on_one_line(title, TITLE_LENGTH - len(mark)) + mark
        if not taken.titled(wanted).exists():
            return wanted
    return str(timezone.now())
