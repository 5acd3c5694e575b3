"""Calls that may arrive twice: the same key answers the first result again and changes nothing."""

import hashlib
import json
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from access.callers import Caller
from access.errors import Conflict, Invalid
from api.arguments import unstorable, word_for
from api.models import KEY_LENGTH, IdempotencyRecord

# How the call was named and which key it carried do not make it another call.
NOT_PART_OF_THE_CALL = frozenset({"command", "idempotency_key"})


def chosen_key(body: dict[str, Any], header: str) -> str:
    """The key in a call's header or body, "" for none. Raises Invalid for one that cannot be kept."""
    given = header or body.get("idempotency_key")
    if given is None or given == "":
        return ""
    problem = ""
    if not isinstance(given, str):
        problem = f"must be a string, not {word_for(given)}"
    elif len(given) > KEY_LENGTH:
        problem = f"has more than {KEY_LENGTH} characters"
    elif unstorable({"idempotency_key": given}):
        problem = "holds characters that cannot be stored"
    if problem:
        raise Invalid(f"idempotency_key {problem}", fields={"idempotency_key": [problem]})
    return given


def first_answer(caller: Caller, command: str, key: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """The answer that this call got the first time, or None: then the key is the call's own from here on.

    Must run in the call's transaction. While another call with the key is under way this waits for its end. Raises
    Conflict when the key was used with other arguments.
    """
    fresh = IdempotencyRecord(holder=_holder(caller), command=command, key=key, fingerprint=_fingerprint(body))
    address = IdempotencyRecord.objects.filter(holder=fresh.holder, command=command, key=key)
    address.made_before(timezone.now() - _lifetime()).delete()
    IdempotencyRecord.objects.bulk_create([fresh], ignore_conflicts=True)
    kept = address.get()
    if kept.answer is None:
        return None
    if kept.fingerprint != fresh.fingerprint:
        raise Conflict(
            f"The idempotency key was used for another {command} on {kept.created_at:%Y-%m-%d at %H:%M} UTC.",
            hint="Use a new key for a new call; send the same arguments with the same key only to repeat a call.",
        )
    answer: dict[str, Any] = kept.answer
    return answer


def keep_answer(caller: Caller, command: str, key: str, answer: dict[str, Any], *, once: tuple[str, ...]) -> None:
    """Remember a call's answer under its key, without the fields that are shown only once."""
    kept = {name: None if name in once else value for name, value in answer.items()}
    if once:
        kept["warning"] = f"Shown with the first answer only: {', '.join(once)}."
    IdempotencyRecord.objects.filter(holder=_holder(caller), command=command, key=key).update(answer=kept)


def purge_old_records() -> int:
    """Forget answers that are past their time; answers how many."""
    return IdempotencyRecord.objects.made_before(timezone.now() - _lifetime()).delete()[0]


def _lifetime() -> timedelta:
    return timedelta(days=settings.IDEMPOTENCY_DAYS)


def _holder(caller: Caller) -> str:
    if caller.token_id is not None:
        return f"token:{caller.token_id}"
    return f"member:{caller.member_id}" if caller.member_id is not None else f"{caller.door}:{caller.name}"[:80]


def _fingerprint(body: dict[str, Any]) -> str:
    arguments = {name: value for name, value in body.items() if name not in NOT_PART_OF_THE_CALL}
    return hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()
