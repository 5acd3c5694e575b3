"""The one way in: every call of every command, from every door, passes here."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import DataError, InterfaceError, OperationalError, connection, transaction

from access import audit, rates
from access.audit import AuditSubject
from access.callers import Caller
from access.errors import Invalid, OutOfScope, Refusal, TooManyCalls
from access.masking import mask
from access.models import GLOBAL_PROJECT, PROJECT_NAME_LENGTH, AuditOutcome, Project
from access.scope import check_project_name, project_to_read, project_to_write
from api import idempotency
from api.arguments import printable, word_for
from api.reference import command_reference
from api.registry import Call, Command, ProjectUse, registry

log = structlog.get_logger(__name__)

# Two calls that wait for each other's rows: PostgreSQL ends one of them, and it may simply be done again.
RETRYABLE_STATES = frozenset({"40001", "40P01"})
ATTEMPTS = 4
DATABASE_RETRY_SECONDS = 2


@dataclass(frozen=True)
class Answer:
    """What a door sends back: an HTTP status, a JSON object and headers."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


class UnknownCommand(Invalid):
    """The word names no command; the answer teaches all of them."""

    def __init__(self, sent: Any) -> None:
        if isinstance(sent, str) and sent.strip():
            message = f"Unknown command '{printable(sent.strip(), 60)}'."
        elif sent is None or isinstance(sent, str):
            message = "command is required"
        else:
            message = f"command must be a string, not {word_for(sent)}"
        super().__init__(
            message,
            fields={"command": [message]},
            hint="Send one of available_commands as `command`; each has an example in `commands`.",
            available_commands=registry.names(),
            commands=command_reference(),
        )


def run_command(name: Any, body: dict[str, Any], caller: Caller, *, idempotency_key: str = "") -> Answer:
    """Run a command for a caller and answer its result or, in words, why not.

    name: the command or an alias as it was sent. body: the call's JSON object. idempotency_key: from a header; the
    field of that name in the body counts too. The order is fixed: alias, role, scope, rate, validation, idempotency,
    one transaction with the verb and its audit row, answer. Nothing has changed when the status is not 200.
    Never raises.
    """
    began = time.perf_counter()
    command = registry.find(name) if isinstance(name, str) else None
    if command is None:
        spoken = printable(name) if isinstance(name, str) else ""
        answer = refused(UnknownCommand(name), caller, spoken)
    else:
        spoken = command.name
        answer = _run(command, body, caller, idempotency_key)
        answer = Answer(answer.status, {**answer.body, **_how_it_was_named(command, name)}, answer.headers)
    log.info(
        "command",
        command=spoken,
        status=answer.status,
        caller=caller.name,
        door=caller.door,
        address=caller.address,
        request_id=caller.request_id,
        milliseconds=round((time.perf_counter() - began) * 1000, 1),
    )
    return answer


def refused(refusal: Refusal, caller: Caller, command: str, *, project: Any = None, counted: bool = False) -> Answer:
    """The answer to a call that is not done, audited; it counts against the token's rate like any other."""
    try:
        if not counted:
            _count_quietly(caller)
        audit.record(
            caller,
            command,
            AuditOutcome(refusal.outcome),
            refusal.status,
            subject=AuditSubject(project_id=_project_id(project)),
            detail=mask(printable(refusal.message, audit.DETAIL_LENGTH)).text,
        )
    except (OperationalError, InterfaceError):
        return database_away(caller)
    headers = {"Retry-After": str(refusal.retry_after)} if isinstance(refusal, TooManyCalls) else {}
    return Answer(refusal.status, refusal.fields(), headers)


def database_away(caller: Caller | None) -> Answer:
    """The answer while PostgreSQL cannot be reached."""
    log.exception("database_away", request_id=caller.request_id if caller else "")
    return Answer(
        503,
        {
            "error": "The database does not answer; nothing was changed.",
            "hint": f"Try again in {DATABASE_RETRY_SECONDS} s.",
        },
        {"Retry-After": str(DATABASE_RETRY_SECONDS)},
    )


def _run(command: Command, body: dict[str, Any], caller: Caller, key_in_header: str) -> Answer:
    counted = False
    try:
        caller.require(command.role)
        project_name = _checked_scope(command, caller, body.get("project"))
        counted = True
        rates.count_call(caller)
        call = Call(caller, command.validate(body), project_name)
        if not command.writes:
            return Answer(200, command.function(call).answer)
        key = idempotency.chosen_key(body, key_in_header)
        return _retrying(lambda: _write(command, call, body, key))
    except Refusal as refusal:
        return refused(refusal, caller, command.name, project=body.get("project"), counted=counted)
    except (OperationalError, InterfaceError):
        return database_away(caller)
    except DataError:
        log.exception("value_does_not_fit", command=command.name, request_id=caller.request_id)
        unfit = Invalid("A value does not fit what can be stored.", hint="Look for very large numbers.")
        return refused(unfit, caller, command.name, project=body.get("project"), counted=counted)
    except Exception:
        log.exception("command_failed", command=command.name, request_id=caller.request_id)
        return _failed(command, caller)


def _checked_scope(command: Command, caller: Caller, sent: Any) -> str:
    """The project that a call means. What is no string is left for validation to name."""
    wanted = sent if isinstance(sent, str) else None
    if command.project is ProjectUse.NONE:
        return GLOBAL_PROJECT
    if command.project is ProjectUse.READ:
        return project_to_read(caller, wanted)
    name = check_project_name(wanted) if wanted and wanted.strip() else caller.default_project
    if caller.project_ids is not None and name not in caller.project_names:
        raise OutOfScope(list(caller.project_names), name)
    return name


def _write(command: Command, call: Call, body: dict[str, Any], key: str) -> Answer:
    """Verb, audit row and remembered answer: all of them or none."""
    with transaction.atomic():
        if key:
            earlier = idempotency.first_answer(call.caller, command.name, key, body)
            if earlier is not None:
                return Answer(200, earlier, {"Idempotency-Replayed": "true"})
        result = command.function(_with_target(command, call))
        audit.record_done(call.caller, command.name, subject=result.subject, detail=result.detail)
        if key:
            idempotency.keep_answer(call.caller, command.name, key, result.answer, once=result.once)
    return Answer(200, result.answer)


def _with_target(command: Command, call: Call) -> Call:
    if command.project is not ProjectUse.WRITE:
        return call
    return Call(call.caller, call.arguments, call.project_name, project_to_write(call.caller, call.project_name))


def _retrying(write: Callable[[], Answer]) -> Answer:
    """Do a write again when PostgreSQL ended it to free another."""
    for _ in range(ATTEMPTS - 1):
        try:
            return write()
        except OperationalError as error:
            state = getattr(error.__cause__, "sqlstate", None)
            if state not in RETRYABLE_STATES or connection.in_atomic_block:
                raise
    return write()


def _failed(command: Command, caller: Caller) -> Answer:
    """The answer to a fault of ours, without its internals."""
    try:
        audit.record(caller, command.name, AuditOutcome.FAILED, 500, detail="See the log of this request.")
    except Exception:
        log.exception("failure_not_audited", command=command.name, request_id=caller.request_id)
    return Answer(
        500,
        {
            "error": "The portal failed to do this; nothing was changed.",
            "hint": "The portal's log has the reason under this request_id.",
            "request_id": caller.request_id,
        },
    )


def _how_it_was_named(command: Command, sent: str) -> dict[str, Any]:
    named = {"_use_command": command.name}
    if sent.strip().casefold() == command.name:
        return named
    return {**named, "_was_alias": True, "_raw_command": printable(sent)}


def _count_quietly(caller: Caller) -> None:
    """Refused calls use up a token's minute too, but keep their own reason."""
    try:
        rates.count_call(caller)
    except TooManyCalls:
        return


def _project_id(sent: Any) -> int | None:
    """The key of the project that a refused call named, for those who may read that project's audit trail."""
    if not isinstance(sent, str) or len(sent) > PROJECT_NAME_LENGTH or "\x00" in sent:
        return None
    return Project.objects.filter(name=printable(sent.strip())).values_list("pk", flat=True).first()
