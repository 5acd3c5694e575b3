"""What a page's button does: one verb in one transaction, audited, and told to the reader in words.

A view that writes is a POST that calls `attempt` with a function of the caller, then `answer` (a redirect, for a page
without JavaScript) or, for htmx, draws its own fragment with `outcome.words`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from access.audit import AuditSubject, record, record_done
from access.callers import Caller
from access.errors import NotFound, Refusal, refusal_in_words
from access.models import AuditOutcome
from access.pages import caller_of

# A message with this mark among its tags offers to undo by a POST to the path behind it (templates/messages.html).
UNDO_MARK = "undo:"
# An undo is for second thoughts; later, the opposite button is the honest way.
UNDO_SECONDS = 86_400
View = TypeVar("View", bound=Callable[..., HttpResponse])


def deed_view(view: View) -> View:
    """A view behind a button: for members, by POST alone. Its address is none that one can be sent to."""
    guarded = login_required(require_POST(view))
    guarded.takes_forms_only = True  # type: ignore[attr-defined]
    return guarded


def is_deed_address(view: Callable[..., Any]) -> bool:
    """Whether the view of an address takes forms only."""
    return getattr(view, "takes_forms_only", False)


@dataclass(frozen=True)
class Done:
    """What was done. words: one sentence for the reader. subject: for the audit trail. undo: path that takes it back by
    a POST, empty where nothing does. result: whatever the view wants to draw."""

    words: str
    subject: AuditSubject = field(default_factory=AuditSubject)
    undo: str = ""
    detail: str = ""
    result: Any = None


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. refusal: None when it was done; status: what an answer to a program would say."""

    words: str
    undo: str = ""
    result: Any = None
    refusal: Refusal | None = None

    @property
    def is_done(self) -> bool:
        """Whether something was written."""
        return self.refusal is None

    @property
    def status(self) -> int:
        """200, or the refusal's status."""
        return 200 if self.refusal is None else self.refusal.status


def attempt(request: HttpRequest, command: str, act: Callable[[Caller], Done], *, kind: str = "") -> Outcome:
    """Do it in one transaction with its audit row; a refusal is audited too and changes nothing.

    command: its name in the audit trail, that of the webhook's command where there is one. act: calls the verb. kind:
    what it is done to, for the audit row of a refusal. Raises Http404 for what is out of the reader's sight.
    """
    caller = caller_of(request)
    try:
        with transaction.atomic():
            done = act(caller)
            record_done(caller, command, subject=done.subject, detail=done.detail)
    except Refusal as refusal:
        words = refusal_in_words(refusal)
        subject = AuditSubject(kind)
        record(caller, command, AuditOutcome(refusal.outcome), refusal.status, subject=subject, detail=words)
        if isinstance(refusal, NotFound):
            raise Http404(words) from None
        return Outcome(words, refusal=refusal)
    return Outcome(done.words, done.undo, done.result)


def tell(request: HttpRequest, outcome: Outcome) -> None:
    """Keep the outcome as a message for the next page that is drawn; empty words tell nothing."""
    if outcome.words:
        level = messages.SUCCESS if outcome.is_done else messages.ERROR
        messages.add_message(
            request, level, outcome.words, extra_tags=f"{UNDO_MARK}{outcome.undo}" if outcome.undo else ""
        )


def answer(request: HttpRequest, outcome: Outcome, back: str) -> HttpResponse:
    """Tell the outcome on the page that the reader came from (the form's `next`), else on `back`."""
    tell(request, outcome)
    return HttpResponseRedirect(way_back(request, back))


def way_back(request: HttpRequest, back: str) -> str:
    """The path in the form's field `next`, when it lies within the portal; else `back`."""
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/")
    return wanted if is_ours else back
