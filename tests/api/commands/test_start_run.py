"""The command `start_run`."""

from datetime import timedelta

from django.utils import timezone

from runs.models import Run
from tests.api.conftest import needs, refusal, without
from tests.conftest import make_person


def test_a_run_begins_with_all_that_was_told(tell, collaborator):
    answer = tell(
        collaborator,
        "begin_run",
        runner="claude-code",
        agent="claude-code",
        session_id="s1",
        model="claude-sonnet-4-5",
        machine="anvil",
        cwd="/srv/app",
        branch="csv",
        step="Reading",
    )
    assert without(answer, "id", "_was_alias", "_raw_command") == {"status": "started", "_use_command": "start_run"}
    run = Run.objects.get(pk=answer["id"])
    assert (run.project.name, run.person, run.member, run.status) == ("app", "carl", collaborator.member, "running")
    assert (run.agent, run.machine, run.cwd, run.branch, run.step) == (
        "claude-code",
        "anvil",
        "/srv/app",
        "csv",
        "Reading",
    )
    assert (run.finished_at, run.is_active, run.tokens_input, run.cost_usd) == (None, True, None, None)


def test_the_prompt_that_the_runner_fetched_is_linked_once(tell, collaborator):
    prompt = tell(collaborator, "save_prompt", title="Nightly", content_md="Tidy up.")
    tell(collaborator, "get_prompt", prompt_name="Nightly", runner="codex")
    first, second = (tell(collaborator, "start_run", runner="codex")["id"] for _ in range(2))
    assert str(Run.objects.get(pk=first).prompt_id) == prompt["id"]
    assert Run.objects.get(pk=second).prompt_id is None


def test_a_requirement_is_named_by_its_id_within_sight(tell, ask, collaborator, stranger):
    requirement = tell(collaborator, "save_requirement", title="Export as CSV", content_md="All of it.")
    run = Run.objects.get(pk=tell(collaborator, "start_run", requirement_id=requirement["id"])["id"])
    assert (str(run.requirement_id), run.requirement_title) == (requirement["id"], "Export as CSV")
    assert refusal(ask(stranger, "start_run", requirement_id=requirement["id"])) == (404, "Requirement not found")


def test_a_stranger_starts_nothing_here_and_a_guest_nothing_at_all(ask, stranger, app):
    assert refusal(ask(stranger, "start_run", project="app")) == (403, "token_scope_mismatch")
    guest = make_person("gwen", "guest", app)
    assert needs(ask(guest, "start_run")) == (403, "insufficient permissions", "collaborator")
    assert Run.objects.count() == 0


def test_a_time_ahead_of_the_clock_is_refused(ask, collaborator):
    tomorrow = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
    answer = ask(collaborator, "start_run", at=tomorrow.isoformat())
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"at: {tomorrow.isoformat()} lies in the future")
    assert Run.objects.count() == 0
