"""What the buttons of the board do: move a requirement, move several, place one beside another."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from access.callers import Caller
from access.errors import Invalid
from access.pages import caller_of
from api.commands.save_requirement import requirement_subject
from requirements_pipeline.models import Requirement, RequirementState
from requirements_pipeline.moves import (
    PROMOTION_TYPES,
    REASON_LENGTH,
    UNDO_REASON,
    PossibleMove,
    move_requirement,
    newest_move,
    possible_moves,
    promote_requirement,
    take_back_move,
)
from requirements_pipeline.ordering import place_beside, take_back_place
from requirements_pipeline.reading import find_requirement
from zikra_portal.deeds import UNDO_SECONDS, Done, Outcome, answer, attempt, deed_view, tell, way_back
from zikra_portal.requirement_pages import requirement_in_sight
from zikra_portal.tables import ROWS_A_PAGE

# What an undo goes back to travels in its address, signed, so that nobody writes one of their own.
MOVES_SALT = "zikra_portal.board_deeds.take_moves_back"
PLACE_SALT = "zikra_portal.board_deeds.take_place_back"
# So many of those that stayed are named with their reasons; the others are counted.
REASONS_SHOWN = 5


@deed_view
def move(request: HttpRequest, requirement_id: uuid.UUID) -> HttpResponse:
    """Move a requirement to the state in `to`; asks for a reason first where one is due and none is given."""
    caller = caller_of(request)
    found = requirement_in_sight(caller, requirement_id)
    wanted, promote_to = _wanted(request)
    asked = next((known for known in possible_moves(caller, found.state) if known.target == wanted), None)
    reason = _reason(request)
    if asked and asked.needs_reason and not reason:
        return _ask(request, found, asked)
    act = partial(_moved, found, wanted, reason=reason, promote_to=promote_to)
    return answer(request, attempt(request, _command(wanted), act, kind="requirement"), reverse("requirements"))


def _wanted(request: HttpRequest) -> tuple[str, str]:
    """The state that is asked for, and what the requirement becomes with it: "promoted-prompt" asks for both."""
    word = request.POST.get("to", "")
    state, _, promote_to = word.partition("-")
    return (state, promote_to) if promote_to in PROMOTION_TYPES else (word, "")


def _reason(request: HttpRequest) -> str:
    """Why, in words."""
    return request.POST.get("reason", "").strip()


def _command(wanted: str) -> str:
    return "promote_requirement" if wanted == RequirementState.PROMOTED else "move_requirement"


def _ask(request: HttpRequest, found: Requirement, asked: PossibleMove) -> HttpResponse:
    """A form for the reason: a page of its own, or a dialog on the board."""
    context = {
        "requirement": found,
        "move": asked,
        "next": way_back(request, reverse("requirement", args=[found.pk])),
        "reason_length": REASON_LENGTH,
        "was_left_empty": "reason" in request.POST,
    }
    if not request.htmx:  # type: ignore[attr-defined]
        return render(request, "requirements/ask.html", context, status=400 if context["was_left_empty"] else 200)
    answer = render(request, "requirements/ask_form.html", context)
    answer.headers["HX-Retarget"] = "#move-dialog"
    answer.headers["HX-Reswap"] = "innerHTML"
    return answer


def _moved(found: Requirement, wanted: str, caller: Caller, *, reason: str, promote_to: str = "") -> Done:
    if wanted not in RequirementState.values:
        problem = f"There is no state '{wanted[:40]}'."
        raise Invalid(problem, fields={"to": [problem]})
    before, target = RequirementState(found.state), RequirementState(wanted)
    if target is RequirementState.PROMOTED and not PossibleMove(before, target).needs_reason:
        moved = promote_requirement(caller, found, promote_to)
    else:
        moved = move_requirement(caller, found, target, reason=reason)
    words = f"“{moved.title}” is {target.label.lower()} now"
    became = f", and also a {promote_to}" if promote_to else ""
    # What it became stays a memory, so that taking back the move alone would not undo it.
    has_way = not promote_to and before in {known.target for known in possible_moves(caller, moved.state)}
    move_id = newest_move(moved).pk if has_way else None
    undo = _undo_of([move_id]) if move_id is not None else ""
    return Done(f"{words}{became}.", requirement_subject(moved), undo, detail=reason or promote_to, result=move_id)


def _undo_of(move_ids: list[int]) -> str:
    """The path that takes moves back; empty for none."""
    if not move_ids:
        return ""
    return reverse("requirements-move-undo", args=[signing.dumps(move_ids, salt=MOVES_SALT, compress=True)])


@deed_view
def move_many(request: HttpRequest) -> HttpResponse:
    """Move the chosen requirements (`ids`) to one state with one reason; each on its own, so that one may stay."""
    wanted, _ = _wanted(request)
    chosen = list(dict.fromkeys(request.POST.getlist("ids")))
    if 0 < len(chosen) <= ROWS_A_PAGE and wanted in RequirementState.values:
        act = partial(_named_moved, wanted=wanted, reason=_reason(request))
        outcomes = [_attempted(request, _command(wanted), partial(act, word)) for word in chosen]
        _tell_sum(request, RequirementState(wanted), outcomes)
    else:
        problem = f"Choose 1 to {ROWS_A_PAGE} requirements and what to do with them."
        tell(request, Outcome(problem, refusal=Invalid(problem)))
    return answer(request, Outcome(""), reverse("requirements"))


def _attempted(request: HttpRequest, command: str, act: Callable[[Caller], Done]) -> Outcome:
    """An attempt of several: what is out of sight is told like any other refusal."""
    try:
        return attempt(request, command, act, kind="requirement")
    except Http404:
        problem = "One of them is out of sight."
        return Outcome(problem, refusal=Invalid(problem))


def _named_moved(word: str, caller: Caller, *, wanted: str, reason: str) -> Done:
    done = _moved(find_requirement(caller, requirement_id=_identifier(word)), wanted, caller, reason=reason)
    return replace(done, undo="")


def _tell_sum(request: HttpRequest, target: RequirementState, outcomes: list[Outcome]) -> None:
    """One sentence for those that moved, with their undo, and one for those that stayed."""
    moved = [outcome for outcome in outcomes if outcome.is_done]
    if moved:
        ways = [outcome.result for outcome in moved if outcome.result is not None]
        words = f"{len(moved)} requirement{' is' if len(moved) == 1 else 's are'} {target.label.lower()} now."
        if 0 < len(ways) < len(moved):
            words = f"{words} {len(ways)} of them can be taken back."
        tell(request, Outcome(words, _undo_of(ways)))
    _tell_refused(request, outcomes)


def _tell_refused(request: HttpRequest, outcomes: list[Outcome]) -> None:
    """One sentence for those that stayed, with the reasons of the first."""
    refused = [outcome for outcome in outcomes if not outcome.is_done]
    if refused:
        reasons = " ".join(dict.fromkeys(outcome.words for outcome in refused[:REASONS_SHOWN]))
        words = f"{len(refused)} stayed as {'it was' if len(refused) == 1 else 'they were'}: {reasons}"
        tell(request, Outcome(words, refusal=refused[0].refusal))


@deed_view
def take_moves_back(request: HttpRequest, kept: str) -> HttpResponse:
    """Move requirements back to where the reader's moves took them from; each that others have moved since stays."""
    move_ids = _unsigned(kept, MOVES_SALT)
    outcomes = [_attempted(request, "move_requirement", partial(_moved_back, move_id)) for move_id in move_ids]
    if len(outcomes) == 1:
        return answer(request, outcomes[0], reverse("requirements"))
    back = sum(outcome.is_done for outcome in outcomes)
    if back:
        tell(request, Outcome(f"{back} requirement{' is' if back == 1 else 's are'} back where they were."))
    _tell_refused(request, outcomes)
    return answer(request, Outcome(""), reverse("requirements"))


def _moved_back(move_id: int, caller: Caller) -> Done:
    moved = take_back_move(caller, move_id)
    words = f"“{moved.title}” is {moved.get_state_display().lower()} again."
    return Done(words, requirement_subject(moved), detail=UNDO_REASON)


def _unsigned(kept: str, salt: str) -> Any:
    """What an undo's address carries. Raises Http404 for what the portal has not signed, or too long ago."""
    try:
        return signing.loads(kept, salt=salt, max_age=UNDO_SECONDS)
    except signing.BadSignature:
        raise Http404("This can no longer be taken back.") from None


@deed_view
def reorder(request: HttpRequest) -> HttpResponse:
    """Place a requirement beside another one: `place` is "<id> before <id>" or "<id> after <id>"."""

    def act(caller: Caller) -> Done:
        first, how, second = _place(request.POST.get("place", ""))
        row, other = (find_requirement(caller, requirement_id=pk) for pk in (first, second))
        placed = place_beside(caller, row, other, after=how == "after")
        kept = signing.dumps([str(row.pk), placed.position, placed.ranked, placed.mark], salt=PLACE_SALT)
        undo = reverse("requirements-reorder-undo", args=[kept])
        return Done(f"“{row.title}” comes {how} “{other.title}” now.", requirement_subject(row), undo, detail=how)

    return answer(request, attempt(request, "reorder_requirements", act, kind="requirement"), reverse("requirements"))


@deed_view
def take_place_back(request: HttpRequest, kept: str) -> HttpResponse:
    """Put a requirement back where it stood before it was placed, unless the order was changed since."""
    requirement_id, position, ranked, mark = _unsigned(kept, PLACE_SALT)

    def act(caller: Caller) -> Done:
        row = find_requirement(caller, requirement_id=uuid.UUID(requirement_id))
        take_back_place(caller, row, position=position, ranked=ranked, mark=mark)
        return Done(f"“{row.title}” is back in its place.", requirement_subject(row), detail=UNDO_REASON)

    return answer(request, attempt(request, "reorder_requirements", act, kind="requirement"), reverse("requirements"))


def _place(words: str) -> tuple[uuid.UUID, str, uuid.UUID]:
    parts = words.split()
    if len(parts) != 3 or parts[1] not in ("before", "after"):
        problem = "A place is told as one id, before or after, and another id."
        raise Invalid(problem, fields={"place": [problem]})
    return _identifier(parts[0]), parts[1], _identifier(parts[2])


def _identifier(word: str) -> uuid.UUID:
    try:
        return uuid.UUID(word)
    except ValueError:
        problem = f"'{word[:40]}' is no id of a requirement."
        raise Invalid(problem, fields={"ids": [problem]}) from None
