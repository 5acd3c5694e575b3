"""What lies out of a caller's scope might as well not exist: no answer, count, score or error tells of it.

Each example builds two worlds that hold the same rows in the caller's scope: one of them also holds other projects,
full of words found nowhere else. Every registered command is called in both with the same arguments, many of which
name what lies outside. No answer may hold such a word that the call itself did not bring, and the answers of the two
worlds must be equal.
"""

import json
import re
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rest_framework import serializers

from access.callers import Caller
from access.models import Project, RoleToken
from access.roles import Role
from access.tokens import NewToken, make_token, revoke_token
from api.arguments import Flag, Identifier, Moment, Number, WholeNumber, Words
from api.registry import Command, registry
from memories.curating import archive_memory, pin_memory
from memories.deleting import delete_memory
from memories.embedding.working import embed_pending_of
from memories.models import EmbeddingSpace, Memory
from memories.saving import save_memory
from requirements_pipeline.writing import save_requirement
from runs import checkpoints, handoffs
from runs.recording import log_run, pick_up_prompt, start_run

OPERATOR = Caller(name="operator", role=Role.OWNER, project_ids=None)
INSIDE, OUTSIDE = ("harbour", "meadow"), ("quarry", "global")
TOPICS = ["invoice export", "queue retries", "login by passkey", "vector index", "release plan"]
TYPES = ["decision", "error", "note", "prompt", "schema", "conversation"]
# A word that is in no wordlist and that no analyser splits: one for each thing that must not be told.
CANARY = "zqx{}canary"
CANARIES = re.compile(r"zqx[0-9a-z]+canary", re.IGNORECASE)
CALLS_OF_EACH_COMMAND = 2
UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SECRETS = re.compile(r"zikra_[0-9a-f]{10}_[A-Za-z0-9_-]{43}")

# One for all calls, as this door keeps no cookies: each client builds all middlewares anew.
AGENT = Client()


@dataclass(frozen=True)
class Plan:
    """One row to be made: in which project, about what, and what became of it."""

    project: str
    topic: str
    memory_type: str
    fate: str
    links_to: str


@dataclass
class Known:
    """Ids and names that calls can point at, by kind; those of what lies outside are among them."""

    ids_of: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    names_of: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, key: Any, name: str) -> None:
        self.ids_of[kind].append(str(key))
        self.names_of[kind].append(name)

    @property
    def ids(self) -> list[str]:
        return [key for keys in self.ids_of.values() for key in keys]

    @property
    def names(self) -> list[str]:
        return [name for names in self.names_of.values() for name in names]


def plans(projects: tuple[str, ...]) -> st.SearchStrategy[list[Plan]]:
    plan = st.builds(
        Plan,
        project=st.sampled_from(projects),
        topic=st.sampled_from(TOPICS),
        memory_type=st.sampled_from(TYPES),
        fate=st.sampled_from(["lives", "lives", "lives", "deleted", "archived", "pinned"]),
        links_to=st.sampled_from(TOPICS),
    )
    return st.lists(plan, min_size=3, max_size=6, unique_by=lambda row: (row.project, row.topic, row.memory_type))


def build(rows: list[Plan], known: Known, *, canary: str = "") -> None:
    """Make what the plans say, and a requirement, a run, a prompt's pickup and a token in each project."""
    for number, plan in enumerate(rows):
        word = f" {CANARY.format(f'{canary}m{number}')}" if canary else ""
        # Half of what lies outside bears the same title as something inside may.
        title = plan.topic + (word if number % 2 else "")
        saved = save_memory(
            OPERATOR,
            project_named(plan.project, canary),
            plan.memory_type,
            title,
            content_md=f"About {plan.topic}{word}. See [[{plan.links_to}]].",
            tags=[plan.topic.split()[0] + word.strip()],
            module=f"module{word.strip()}",
            source_file=f"notes{word.strip()}.md",
            created_by=f"ana{word.strip()}",
        ).memory
        {"deleted": delete_memory, "archived": archive_memory}.get(plan.fate, lambda *_: None)(OPERATOR, saved)
        if plan.fate == "pinned":
            pin_memory(OPERATOR, saved, f"reason{word}")
        known.add("memory", saved.pk, title)
    for number, name in enumerate(sorted({plan.project for plan in rows})):
        build_work(project_named(name, canary), known, f" {CANARY.format(f'{canary}w{number}')}" if canary else "")


def build_work(project: Project, known: Known, word: str) -> None:
    requirement = save_requirement(OPERATOR, project, f"Export{word}", content_md=f"As CSV{word}.", tags=[f"t{word}"])
    run = log_run(OPERATOR, project, runner="codex", session_id="s1", output_summary=f"Done{word}.")
    start_run(OPERATOR, project, runner=f"codex{word}", session_id="s3", step=f"Testing{word}", branch=f"b{word}")
    pick_up_prompt(OPERATOR, project, "codex", uuid.uuid4(), f"Prompt{word}")
    left = handoffs.begin(
        OPERATOR, project, f"Carry on{word}", next_steps=[f"Then{word}"], session_id="s3", cwd=f"/srv{word}"
    )
    checkpoints.keep_checkpoint(OPERATOR, project, "s2", task=f"Task{word}", files=[f"f{word}.py"])
    checkpoints.pin_fact(OPERATOR, project, f"Fact{word}", reason=f"Reason{word}")
    known.add("handoff", left.pk, left.from_session)
    token = make_token(OPERATOR, f"token{word}", Role.COLLABORATOR, project_names=[project.name]).row
    known.add("requirement", requirement.pk, requirement.title)
    known.add("run", run.pk, run.session_id)
    known.add("token", token.pk, token.label)
    known.add("project", uuid.uuid4(), project.name)


def project_named(name: str, canary: str) -> Project:
    """The project; outside ones bear a canary in their names, but for the global one."""
    full = f"{name}-{CANARY.format(f'{canary}p')}" if canary and name != "global" else name
    return Project.objects.get_or_create(name=full, defaults={"description": full})[0]


def meant_by(command: Command, argument_name: str) -> str:
    """The kind of thing that an argument of a command names."""
    words = f"{argument_name} {command.name}"
    return next(
        (kind for kind in ("run_id", "requirement", "token", "handoff") if kind in words), "memory"
    ).removesuffix("_id")


def argument(
    name: str, kind: serializers.Field, command: Command, known: Known, scope: list[str]
) -> st.SearchStrategy[Any]:
    """Values that a caller may try for an argument: mostly what it means, of either side, and now and then anything."""
    meant = meant_by(command, name)
    if isinstance(kind, Identifier):
        right = known.ids_of[meant] or known.ids
        return st.sampled_from(right) | st.sampled_from(right) | st.sampled_from(known.ids)
    if isinstance(kind, Flag):
        return st.booleans()
    if isinstance(kind, Moment):
        return st.just("2025-01-01T00:00:00Z")
    if isinstance(kind, WholeNumber | Number):
        return st.sampled_from([0, 1, 3, 100])
    names = st.sampled_from(known.names_of[meant] or TOPICS) | st.sampled_from(known.names + TOPICS)
    if isinstance(kind, Words):
        return st.lists(names | st.sampled_from(TYPES) | st.sampled_from(scope or ["harbour"]), max_size=2)
    return {
        "project": st.sampled_from([*scope, *known.names, "global", "nowhere"]),
        "memory_type": st.sampled_from(TYPES),
        "query": names | st.just("*"),
        "session_id": st.sampled_from(["s1", "s2"]),
        "runner": st.just("codex"),
        "usage": st.just([{"model": "claude-sonnet-4-5", "tokens_input": 3}]),
        "role": st.sampled_from(["guest", "owner"]),
        "state": st.sampled_from(["draft", "submitted"]),
        "status": st.sampled_from(["pending", "promoted", "success"]),
        "promote_to": st.sampled_from(["prompt", "decision", ""]),
    }.get(name, names)


@st.composite
def calls(draw: Any, command: Command, known: Known, scope: list[str]) -> dict[str, Any]:
    """A call of a command: what it needs, and some of what it may have; mostly in a project of the scope."""
    fields = command.serializer.fields
    body: dict[str, Any] = {"command": command.name}
    for name, kind in fields.items():
        # By id or by title: both at once would mostly ask for the id alone.
        wanted = kind.required or draw(st.booleans())
        if name == "title" and not kind.required and "id" in body:
            wanted = False
        if name == "project" and draw(st.integers(0, 2)):
            if scope:
                body[name] = draw(st.sampled_from(scope))
            continue
        if wanted:
            body[name] = draw(argument(name, kind, command, known, scope))
    return body


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside has not happened afterwards."""
    point = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)


def answer_to(body: dict[str, Any], secret: str, existing: set[str]) -> str:
    """Status and body of the answer, with what is new in it (ids, secrets) made alike."""
    with undone():
        response = AGENT.post(
            "/webhook/zikra",
            body,
            content_type="application/json",
            headers={"authorization": f"Bearer {secret}", "x-request-id": "test"},
        )
    assert response.status_code < 500, (body, response.content)
    text = json.dumps(response.json(), sort_keys=True, ensure_ascii=False)
    text = UUIDS.sub(lambda found: found.group() if found.group() in existing else "<new id>", text)
    return f"{response.status_code} {SECRETS.sub('<secret>', text)}"


def told_out_of_scope(body: dict[str, Any], answer: str) -> set[str]:
    """Canaries in an answer that the call did not bring itself."""
    return {found.casefold() for found in CANARIES.findall(answer)} - {
        found.casefold() for found in CANARIES.findall(json.dumps(body, ensure_ascii=False))
    }


@pytest.fixture
def no_rate(settings: Any) -> None:
    """Thousands of calls in a minute."""
    settings.TOKEN_RATE_PER_MINUTE = 0


@pytest.mark.django_db
@settings(
    max_examples=8,
    # Shrinking builds both worlds anew hundreds of times; the failing call is in the message anyway.
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    database=None,
)
@given(
    inside=plans(INSIDE),
    outside=plans(OUTSIDE),
    role=st.sampled_from([Role.OWNER, Role.OWNER, Role.OWNER, Role.ADMIN, Role.COLLABORATOR, Role.GUEST]),
    scope=st.sampled_from([["harbour", "meadow"], ["harbour"], []]),
    data=st.data(),
)
def test_no_command_tells_of_what_is_out_of_scope(no_rate, inside, outside, role, scope, data):
    # Later than the database's clock, so that what is queued for embedding is due; and still, so that nothing fades.
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=False), undone():
        known = Known()
        # A scope of fewer projects leaves some of the inside rows outside: they belong to the other world then.
        build([plan for plan in inside if plan.project in scope], known)
        asking = token_of(role, scope)
        space = EmbeddingSpace.objects.answering()
        embed_pending_of(space)
        existing = {str(pk) for model in (Memory, RoleToken) for pk in model.objects.values_list("pk", flat=True)}
        existing |= set(known.ids)
        with undone():
            build([plan for plan in inside if plan.project not in scope], known, canary="i")
            build(outside, known, canary="o")
            build_tokens_that_straddle(scope, known)
            embed_pending_of(space)
            bodies = [
                data.draw(calls(command, known, scope))
                for command in registry.all()
                for _ in range(CALLS_OF_EACH_COMMAND)
            ]
            full = [answer_to(body, asking.secret, existing) for body in bodies]
        bare = [answer_to(body, asking.secret, existing) for body in bodies]

    assert {body["command"] for body in bodies} == set(registry.names())
    for body, with_others, alone in zip(bodies, full, bare, strict=True):
        assert told_out_of_scope(body, with_others) == set(), body
        assert with_others == alone, body


def token_of(role: Role, scope: list[str]) -> NewToken:
    token = make_token(OPERATOR, "asking", role, project_names=scope or ["harbour"])
    # No scope at all is what a token is left with when its projects are taken from it.
    token.row.projects.set(Project.objects.filter(name__in=scope))
    return token


def build_tokens_that_straddle(scope: list[str], known: Known) -> None:
    """Tokens whose scope is wider than the caller's: one that reaches out of it, one that reaches everything."""
    outer = project_named("quarry", "o").name
    for number, names in enumerate([[*scope, outer], None]):
        token = make_token(OPERATOR, CANARY.format(f"t{number}"), Role.GUEST, project_names=names).row
        known.add("token", token.pk, token.label)
    revoke_token(OPERATOR, token)


def test_the_worlds_do_answer_within_the_scope(db, no_rate):
    """The comparison above means something: the same calls succeed for what lies inside."""
    known = Known()
    build([Plan("harbour", "invoice export", "decision", "lives", "queue retries")], known)
    asking = token_of(Role.OWNER, ["harbour"])
    found = [
        answer_to({"command": "search", "query": "invoice export"}, asking.secret, set(known.ids)),
        answer_to({"command": "get_memory", "id": known.ids[0]}, asking.secret, set(known.ids)),
        answer_to({"command": "list_requirements"}, asking.secret, set(known.ids)),
        answer_to({"command": "get_context"}, asking.secret, set(known.ids)),
    ]
    assert [(answer[:3], any(known_id in answer for known_id in known.ids)) for answer in found] == [("200", True)] * 4
