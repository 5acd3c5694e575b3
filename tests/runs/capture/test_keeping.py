"""Secrets in hooks: masked before they are stored and before anything is cut, wherever they stand."""

import json
import logging
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from access.masking import mask_all
from memories.session_pages import write_due_pages
from runs.capture.caps import OTHER_BYTES, PROMPT_BYTES, TOOL_OUTPUT_BYTES, cut, cut_body, fitted, size_of
from runs.capture.keeping import keep_hooks
from runs.capture.working import work_waiting
from runs.models import CapturedEvent
from tests.runs.capture.conftest import hook

RANDOM = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
# One of each kind, with the part that nobody may ever read again.
PLANTED = {
    "bearer": (f"Authorization: Bearer {RANDOM}", RANDOM),
    "basic": ("Authorization: Basic dXNlcjpwYXNzd29yZDEyMw==", "dXNlcjpwYXNzd29yZDEyMw"),
    "sk": (f"sk-proj-{RANDOM}", f"proj-{RANDOM}"),
    "sk_live": (f"sk_live_{RANDOM}", RANDOM),
    "ghp": (f"ghp_{RANDOM}", RANDOM),
    "gho": (f"gho_{RANDOM}", RANDOM),
    "github_pat": (f"github_pat_{RANDOM}", RANDOM),
    "akia": ("AKIAQWERTYUIOPASDFGH", "QWERTYUIOPASDFGH"),
    "asia": ("ASIAQWERTYUIOPASDFGH", "QWERTYUIOPASDFGH"),
    "aiza": (f"AIza{RANDOM}", RANDOM),
    "slack": (f"xoxb-123456789012-{RANDOM}", RANDOM),
    "jwt": (f"eyJhbGciOiJIUzI1NiJ9.eyJ{RANDOM}.{RANDOM}", RANDOM),
    "pem": (f"-----BEGIN RSA PRIVATE KEY-----\n{RANDOM}\n{RANDOM}\n-----END RSA PRIVATE KEY-----", RANDOM),
    "address": (f"postgres://user:{RANDOM}@db/app", RANDOM),
    "environment": (f"DEPLOY_TOKEN={RANDOM}", RANDOM),
    "password": ("DB_PASSWORD=hunter2hunter2", "hunter2hunter2"),
    "json": (json.dumps({"password": "hunter2hunter2"}), "hunter2hunter2"),
    "key path": ("cat /home/ana/.ssh/id_ed25519", ".ssh/id_ed25519"),
}
# Where an agent's hook may carry it, and the cap that could cut it in two.
PLACES = {
    "prompt": (lambda text: hook("UserPromptSubmit", {"prompt": text}), PROMPT_BYTES),
    "tool input": (
        lambda text: hook("PostToolUse", {"tool_name": "Bash", "tool_input": {"command": text}}),
        OTHER_BYTES,
    ),
    "tool output": (
        lambda text: hook("PostToolUse", {"tool_name": "Bash", "tool_response": {"stdout": text}}),
        TOOL_OUTPUT_BYTES,
    ),
    "error": (lambda text: hook("PostToolUseFailure", {"tool_name": "Bash", "error": text}), TOOL_OUTPUT_BYTES),
    "last words": (lambda text: hook("Stop", {"last_assistant_message": text}), PROMPT_BYTES),
    "transcript": (lambda text: hook("Stop", {"zikra_transcript": said(text)}), 4000),
    "directory": (lambda text: hook("SessionStart", {"cwd": text}), 1000),
}
CASES = [(kind, place) for kind in PLANTED for place in PLACES]


def said(text):
    message = {"id": "m1", "content": [{"type": "text", "text": text}]}
    return {"agent": "claude-code", "lines": [json.dumps({"type": "assistant", "message": message})]}


def everything_stored():
    """All text of every table that hooks end up in."""
    found = []
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        for table in tables:
            if table.startswith(("runs_", "memories_", "access_audit", "access_project", "access_notification")):
                cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")
                found.append(cursor.fetchone()[0])
    return " ".join(found)


@pytest.mark.parametrize("place", PLACES)
def test_none_of_the_planted_secrets_is_in_the_database_or_the_log(collaborator, app, caplog, place):
    caplog.set_level(logging.DEBUG)
    build, cap = PLACES[place]
    hooks = []
    for number, (secret, _) in enumerate(PLANTED.values()):
        # Whole at the beginning, across the cap's edge, and across the edges of what is left of head and tail.
        hooks.append(build(f"use {secret} now"))
        for edge in (cap, cap // 2):
            filler = ("word " * edge)[: edge - len(secret) // 2 - 1] + " "
            hooks.append(build(f"{filler}{secret}\n{'word ' * 1000}"))
            hooks.append(
                build(f"{'word ' * 1000}\n{secret} {filler}" if place != "directory" else f"/{number}/{secret}")
            )
    hooks.append(hook("UserPromptSubmit", {"prompt": "Begin"}))
    hooks.append(hook("SessionEnd", {}, second=90))
    keep_hooks(collaborator.caller, hooks)
    work_waiting()
    write_due_pages()
    stored = everything_stored()
    leaked = [kind for kind, (_, secret) in PLANTED.items() if secret in stored or secret[: len(secret) // 2] in stored]
    assert leaked == []
    assert [kind for kind, (_, secret) in PLANTED.items() if secret in caplog.text] == []
    assert CapturedEvent.objects.filter(masked_count__gt=0).exists() or place == "directory"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(sorted(PLANTED)),
    field=st.sampled_from(["prompt", "output", "tool_input", "cwd"]),
    before=st.integers(0, PROMPT_BYTES + 200),
    after=st.integers(0, 3000),
)
def test_no_half_of_a_secret_is_left_wherever_a_cap_falls(kind, field, before, after):
    planted, secret = PLANTED[kind]
    text = ("lorem " * (before // 6 + 1))[:before].rstrip() + "\n" + planted + "\n" + "ipsum " * (after // 6)
    masked, count = mask_all({field: {"inner": [text]}})
    kept = json.dumps(cut_body(masked))
    assert count >= 1
    assert secret[: len(secret) // 2] not in kept
    assert secret[len(secret) // 2 :] not in kept


def test_a_body_in_which_everything_is_a_secret_is_stored_without_any(collaborator):
    body = {f"{name}_token": RANDOM + str(n) for n, name in enumerate("abcdef")} | {"password": "hunter2hunter2"}
    keep_hooks(collaborator.caller, [hook("Notification", body)])
    kept = CapturedEvent.objects.get()
    assert kept.body == {**{f"{name}_token": "[masked: token]" for name in "abcdef"}, "password": "[masked: password]"}
    assert kept.masked_count == 7


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(body=st.dictionaries(st.text(max_size=20), VALUES, max_size=8))
def test_any_body_at_all_can_be_stored(collaborator, body):
    before = CapturedEvent.objects.count()
    kept = keep_hooks(collaborator.caller, [hook("UserPromptSubmit", body, session="any")])
    assert kept[0].outcome.value in ("stored", "dropped_subagent")
    assert CapturedEvent.objects.count() - before == (kept[0].outcome.value == "stored")
    work_waiting()
    assert not CapturedEvent.objects.waiting().exists()


TEXTS = st.recursive(
    st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
    max_leaves=30,
)


def bytes_of_texts(value):
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, dict):
        return sum(len(name.encode()) + bytes_of_texts(entry) for name, entry in value.items())
    return sum(map(bytes_of_texts, value))


@settings(max_examples=300)
@given(value=TEXTS, most=st.integers(64, 400))
@example({"\x1f" * 9 + str(n): "\x1f" * 99 for n in range(5)}, 121)
@example({"é" * 80: "short", "long": "word " * 200}, 64)
@example([[["deep " * 20] * 9] * 9] * 9, 90)
def test_what_is_fitted_takes_no_more_than_asked_and_stays_whole_where_it_fits(value, most):
    short = fitted(value, most)
    assert bytes_of_texts(short) <= most
    assert short == value or size_of(value) > most


@settings(max_examples=300)
@given(text=st.text(max_size=300), most=st.integers(0, 300))
def test_a_cut_text_keeps_its_head_and_its_tail_and_its_bytes(text, most):
    short = cut(text, most)
    size = len(text.encode("utf-8", "replace"))
    if size <= most:
        assert short == text
    else:
        assert len(short.encode("utf-8", "replace")) <= max(most, 32)
        assert text.startswith(short.partition("\n[…")[0])


def test_the_nightly_job_and_the_sweep_are_in_the_schedule():
    from zikra_portal.schedule import JOBS

    assert {"runs.work_captured_events", "runs.forget_captured_events", "memories.write_session_pages"} <= {
        job.task for job in JOBS
    }
    assert call_command("check", stdout=StringIO()) is None
