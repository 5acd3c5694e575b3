"""The sender: takes what waits in the spool to the portal, in order, by batches, one process at a time."""

from __future__ import annotations

import http.client
import json
import os
import random
import ssl
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from zikra_client import VERSION, places, spool

BATCH_ITEMS, BATCH_BYTES = 256, 8 * 1024 * 1024
# An event that no batch can hold is too much for the portal too.
ITEM_BYTES = BATCH_BYTES - 1024
TIMEOUT_SECONDS = 15.0
# The portal may be restarting: a sender tries again for about a minute, then leaves the rest to the next hook's.
ATTEMPTS = 6
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
# A portal that refuses the token, or is too busy, is asked again later; what it calls wrong is wrong for good.
KEPT_STATUSES = frozenset({401, 403, 408, 425, 429})


class Answer(NamedTuple):
    """What the portal answered; status 0 when it was not reached."""

    status: int
    body: str
    retry_after: float = 0.0
    date: str = ""


class Sent(NamedTuple):
    """How a round of sending ended: events that the portal took, events that it refused for good, what stopped it."""

    taken: int
    refused: int
    problem: str = ""


def ask(
    method: str,
    path: str,
    body: Any = None,
    *,
    timeout: float = TIMEOUT_SECONDS,
    server: str = "",
    token: str = "",
) -> Answer:
    """One request to the portal. Raises nothing: what fails has status 0 and its reason as the body."""
    address = urlsplit(server or str(places.settings().get("server", "")))
    if address.scheme not in ("http", "https") or not address.hostname:
        return Answer(0, "no portal is set: run the installer again")
    headers = {
        "Authorization": f"Bearer {token or places.token()}",
        "User-Agent": f"zikra-client/{VERSION}",
        "X-Zikra-Client": VERSION,
        "X-Zikra-Machine": places.machine_in_headers(),
        "X-Zikra-Backlog": "{};{}".format(*spool.backlog()),
    }
    untrusted = ",".join(spool.state().get("untrusted") or [])
    if untrusted:
        headers["X-Zikra-Untrusted"] = untrusted
    data = None
    if body is not None:
        data = json.dumps(body, separators=(",", ":")).encode("ascii")
        headers["Content-Type"] = "application/json"
    connection = _connection(address.scheme, address.hostname, address.port, timeout)
    try:
        connection.request(method, address.path.rstrip("/") + path, data, headers)
        response = connection.getresponse()
        text = response.read().decode("utf-8", errors="replace")
        return Answer(
            response.status, text, _seconds(response.getheader("Retry-After")), response.getheader("Date") or ""
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(0, str(error) or type(error).__name__)
    finally:
        connection.close()


def send_waiting(*, attempts: int = ATTEMPTS) -> Sent:
    """Send everything that waits, also what comes in meanwhile; at once nothing when another process is sending."""
    taken = refused = 0
    _note_untrusted()
    while spool.waiting():
        with spool.only_sender() as is_ours:
            if not is_ours:
                return Sent(taken, refused)
            spool.drop_oldest()
            round_of_it = _drain(attempts)
        taken, refused = taken + round_of_it.taken, refused + round_of_it.refused
        if round_of_it.problem:
            spool.note(problem=round_of_it.problem, at=time.time())
            return Sent(taken, refused, round_of_it.problem)
        spool.note(problem="", sent_at=time.time())
        # What a hook wrote after the last look and before the lock was free would wait for the next hook: look again.
    return Sent(taken, refused)


def _note_untrusted() -> None:
    """Keep in mind for the headers which agents skip our hooks: they cannot tell it themselves."""
    from zikra_client.codex_trust import untrusted_events

    untrusted = ["codex"] if untrusted_events() else []
    if untrusted != (spool.state().get("untrusted") or []):
        spool.note(untrusted=untrusted)


def _drain(attempts: int) -> Sent:
    taken = refused = failures = 0
    while True:
        names, items = _next_batch()
        if not names:
            return Sent(taken, refused)
        answer = ask("POST", "/hook/batch", items)
        if answer.status in (200, 202):
            outcomes = _outcomes(answer.body, len(names))
            for name, outcome in zip(names, outcomes):
                if outcome != KEEP:
                    spool.remove(name)
            stored = sum(outcome not in (KEEP, REFUSED) for outcome in outcomes)
            taken, refused, failures = taken + stored, refused + outcomes.count(REFUSED), 0
            if KEEP in outcomes:
                return Sent(taken, refused, "The portal took a part only; the rest waits.")
        elif answer.status in KEPT_STATUSES or answer.status == 0 or answer.status >= 500:
            failures += 1
            if answer.status in (401, 403) or failures >= attempts:
                return Sent(taken, refused, _in_words(answer))
            _pause(failures, answer.retry_after)
        elif len(names) > 1:
            # Something in the batch cannot be read at all: one by one, so that the others are not lost with it.
            for name, item in zip(names, items):
                alone = ask("POST", "/hook/batch", [item])
                if alone.status == 0 or alone.status in KEPT_STATUSES or alone.status >= 500:
                    return Sent(taken, refused, _in_words(alone))
                spool.remove(name)
                is_taken = alone.status in (200, 202)
                taken, refused = taken + is_taken, refused + (not is_taken)
        else:
            spool.remove(names[0])
            refused += 1


# What became of one event of a batch: in short, whether its file may go.
KEEP, REFUSED, TAKEN = "keep", "refused", "taken"


def _outcomes(text: str, count: int) -> list[str]:
    """What became of each event. An answer that cannot be read keeps them all: the portal stores none of them twice."""
    try:
        told = json.loads(text)["results"]
        by_index = {int(result["index"]): str(result["outcome"]) for result in told}
    except (ValueError, KeyError, TypeError):
        return [KEEP] * count
    return [
        KEEP if index not in by_index else REFUSED if by_index[index].startswith("dropped") else TAKEN
        for index in range(count)
    ]


def _next_batch() -> tuple[list[str], list[Any]]:
    names: list[str] = []
    items: list[Any] = []
    size = 2
    for name in spool.waiting():
        try:
            with open(os.path.join(spool.directory(), name), encoding="utf-8") as file:
                text = file.read()
            item = json.loads(text)
        except FileNotFoundError:
            continue
        except ValueError:
            spool.remove(name)
            continue
        if len(text) > ITEM_BYTES:
            spool.remove(name)
            continue
        if names and (size + len(text) + 1 > BATCH_BYTES or len(names) == BATCH_ITEMS):
            break
        names.append(name)
        items.append(item)
        size += len(text) + 1
    return names, items


def _pause(failures: int, retry_after: float) -> None:
    """Wait before the next try: as long as the portal says, else twice as long each time, and not all at once."""
    length = retry_after or FIRST_PAUSE_SECONDS * 2 ** (failures - 1)
    time.sleep(min(length, LONGEST_PAUSE_SECONDS) * random.uniform(0.75, 1.25))  # noqa: S311


def _in_words(answer: Answer) -> str:
    if answer.status == 0:
        return f"The portal was not reached: {answer.body[:200]}"
    if answer.status == 401:
        return "The portal refused the token (401). Run the installer again with a new one."
    if answer.status == 403:
        return f"The portal refused what was sent (403): {_told_in(answer.body)}"
    return f"The portal answered {answer.status}: {answer.body[:200]}"


def _told_in(body: str) -> str:
    """The portal's own words in a refusal, else the body's beginning."""
    try:
        told = json.loads(body)
        return " ".join(filter(None, (str(told["error"]), str(told.get("hint", "")))))
    except (ValueError, KeyError, TypeError, AttributeError):
        return body[:200]


def _connection(scheme: str, host: str, port: int | None, timeout: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=timeout)


def _seconds(header: str | None) -> float:
    try:
        return max(0.0, float(header or 0))
    except ValueError:
        return 0.0
