"""How runs look, on every page alike: who runs, in which state, how it ended."""

from datetime import datetime

from django.utils.safestring import SafeString

from access.appearance import state_label
from runs.models import Run

# Words that agents end a run with; any other is shown plainly.
SUCCESS_WORDS = ("success", "succeeded", "done", "completed", "ok")
STATUS_LOOKS = {
    **dict.fromkeys(SUCCESS_WORDS, "good"),
    **dict.fromkeys(("failed", "failure", "error", "crashed"), "bad"),
    **dict.fromkeys(("cancelled", "canceled", "interrupted", "aborted", "timeout", "partial"), "attention"),
}
SESSION_SHOWN = 8
# Agents may end a run with any words; a label holds a few.
STATUS_SHOWN = 24


def run_state(run: Run, now: datetime | None = None) -> SafeString:
    """What a run is doing or how it ended, as a word and a shape."""
    if run.is_active:
        return state_label("stale", "attention") if run.is_stale(now) else state_label("running", "good")
    shown = run.status if len(run.status) <= STATUS_SHOWN else f"{run.status[: STATUS_SHOWN - 1]}…"
    return state_label(shown, STATUS_LOOKS.get(run.status.casefold(), ""))


def run_name(run: Run) -> str:
    """What a run is called in a list: its agent, else how it names itself, else its session or its token's label."""
    return run.agent or run.runner or run.session_id[:SESSION_SHOWN] or run.reported_by or "run"
