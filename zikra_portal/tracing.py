"""From a wish to what came of it, and back: what a requirement became, who worked on it, what was learnt and changed.

Everything that is answered lies in the caller's sight. What a run costs is for whom runs.visibility allows it.
"""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from access.callers import Caller
from memories.links import linked_titles, title_key
from memories.models import Memory
from memories.uses import run_learnt_in
from requirements_pipeline.models import Requirement, RequirementMove, RequirementState
from runs.models import Run, RunQuerySet
from runs.visibility import may_see_cost, may_see_costs
from runs.work import WorkSums, work_sums

# A page lists so many runs, the newest; the sums are of all of them.
RUNS_SHOWN = 100
MEMORIES_SHOWN = 500
FILES_SHOWN = 100
REQUIREMENTS_SHOWN = 50
SIBLINGS_SHOWN = 20
# Texts that are looked through for one title.
TEXTS_READ = 200
# A promotion and the memory that it writes are saved in one transaction, which no reader waits longer for.
ONE_TRANSACTION = timedelta(seconds=10)
# Only these lead anywhere; any other scheme is words.
WEB_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)
# As much of a hash as tells commits apart.
HASH_SHOWN = 12
HASH = re.compile(r"[0-9a-f]{13,64}", re.IGNORECASE)


@dataclass(frozen=True)
class Change:
    """A commit or pull request as it was told. address: where it can be seen, empty for words that lead nowhere."""

    told: str
    address: str
    words: str

    @classmethod
    def of(cls, told: str) -> "Change":
        """From a hash, a number or an address; only http and https are linked."""
        if WEB_ADDRESS.fullmatch(told):
            return cls(told, told, _short(told))
        return cls(told, "", told[:HASH_SHOWN] if HASH.fullmatch(told) else told)


@dataclass(frozen=True)
class TracedRun:
    """A run with what came of it. shows_cost: whether the reader may see what it cost."""

    run: Run
    shows_cost: bool
    learnt: list[Memory] = field(default_factory=list)

    @property
    def errors(self) -> list[Memory]:
        """What went wrong in it, as far as somebody wrote it down."""
        return [memory for memory in self.learnt if memory.memory_type_id == "error"]

    @property
    def others(self) -> list[Memory]:
        """What else was learnt in it."""
        return [memory for memory in self.learnt if memory.memory_type_id != "error"]

    @property
    def files(self) -> list[str]:
        """The first paths that it changed."""
        return self.run.files_modified[:FILES_SHOWN]

    @property
    def files_left_out(self) -> int:
        """How many more paths it changed."""
        return max(0, len(self.run.files_modified) - FILES_SHOWN)

    @property
    def commits(self) -> list[Change]:
        """The commits that it told of."""
        return [Change.of(told) for told in self.run.commits]

    @property
    def pull_requests(self) -> list[Change]:
        """The pull requests that it told of."""
        return [Change.of(told) for told in self.run.pull_requests]


@dataclass(frozen=True)
class Step:
    """One link of a requirement's chain: it was written, it moved, or a run worked on it."""

    at: datetime
    kind: str
    by: str = ""
    move: RequirementMove | None = None
    became: Memory | None = None
    run: TracedRun | None = None


@dataclass(frozen=True)
class RequirementTrace:
    """All that came of a requirement. steps: in the order of time. work: sums over all its runs in sight.
    shows_costs: whether the reader may see their sum."""

    requirement: Requirement
    steps: list[Step]
    runs: list[TracedRun]
    runs_left_out: int
    work: WorkSums
    became: Memory | None
    shows_costs: bool

    @property
    def commits(self) -> list[Change]:
        """Commits of the listed runs, each once."""
        return _each_once(change for traced in self.runs for change in traced.commits)

    @property
    def pull_requests(self) -> list[Change]:
        """Pull requests of the listed runs, each once."""
        return _each_once(change for traced in self.runs for change in traced.pull_requests)


@dataclass(frozen=True)
class RunChain:
    """Upward from a run: the requirement that it worked on, what that had become, and the other runs for it."""

    requirement: Requirement
    became: Memory | None
    siblings: list[Run]
    siblings_left_out: int


@dataclass(frozen=True)
class MemoryChain:
    """Upward from a memory: the run that it was learnt in and its requirement, and requirements it has to do with.

    became_of: requirements whose promotion wrote it. linked: requirements that list it or whose text names it.
    """

    run: TracedRun | None
    requirement: Requirement | None
    became_of: list[Requirement]
    linked: list[Requirement]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known."""
        return not (self.run or self.became_of or self.linked)


def trace_of_requirement(caller: Caller, requirement: Requirement) -> RequirementTrace:
    """The chain from who wrote a requirement to what came of it. At most six queries, however many runs it had."""
    moves = list(requirement.moves.all())
    runs = runs_on(caller, requirement, moves)
    work = work_sums(runs)
    newest = list(runs.select_related("project").order_by("-started_at", "pk")[:RUNS_SHOWN])
    traced = traced_runs(caller, list(reversed(newest)))
    became = _in_sight(caller, requirement.became_id)
    return RequirementTrace(
        requirement,
        _steps(requirement, moves, traced, became),
        traced,
        max(0, work.runs - len(traced)),
        work,
        became,
        may_see_costs(caller),
    )


def runs_on(caller: Caller, requirement: Requirement, moves: Iterable[RequirementMove] = ()) -> RunQuerySet:
    """Runs in sight that worked on a requirement: they told so, or one of its moves names them; in no order."""
    named = {move.run_id for move in moves if move.run_id}
    return Run.objects.visible_to(caller).on_requirement(requirement.pk, named)


def traced_runs(caller: Caller, runs: list[Run]) -> list[TracedRun]:
    """Runs with the memories in sight that were learnt in them. One query."""
    learnt: dict[uuid.UUID | None, list[Memory]] = {}
    made = Memory.objects.visible_to(caller).filter(run_id__in=[run.pk for run in runs]).select_related("memory_type")
    for memory in made.defer("content_md", "resolution").order_by("created_at", "pk")[:MEMORIES_SHOWN]:
        learnt.setdefault(memory.run_id, []).append(memory)
    return [TracedRun(run, may_see_cost(caller, run), learnt.get(run.pk, [])) for run in runs]


def chain_of_run(caller: Caller, run: Run) -> RunChain | None:
    """Upward from a run: its requirement in sight, and the other runs for it; None where it worked on none in sight."""
    if run.requirement_id is None:
        return None
    requirement = Requirement.objects.visible_to(caller).select_related("project").filter(pk=run.requirement_id).first()
    if requirement is None:
        return None
    others = Run.objects.visible_to(caller).on_requirement(requirement.pk).exclude(pk=run.pk)
    light = others.defer("output_summary", "files_modified").order_by("-started_at", "pk")
    shown = list(light[: SIBLINGS_SHOWN + 1])
    left_out = others.count() - SIBLINGS_SHOWN if len(shown) > SIBLINGS_SHOWN else 0
    return RunChain(requirement, _in_sight(caller, requirement.became_id), shown[:SIBLINGS_SHOWN], left_out)


def chain_of_memory(caller: Caller, memory: Memory) -> MemoryChain:
    """Upward from a memory: the run that it was learnt in, that run's requirement, and requirements that became it,
    list it or name it in their text. At most five queries."""
    run = run_learnt_in(caller, memory)
    visible = Requirement.objects.visible_to(caller).select_related("project")
    worked_on = visible.filter(pk=run.requirement_id).first() if run is not None and run.requirement_id else None
    became = list(visible.filter(became=memory)[:REQUIREMENTS_SHOWN])
    listing = list(visible.filter(memories=memory)[:REQUIREMENTS_SHOWN])
    linked = {found.pk: found for found in (*listing, *requirements_naming(caller, memory))}
    for found in became:
        linked.pop(found.pk, None)
    traced = TracedRun(run, may_see_cost(caller, run)) if run is not None else None
    return MemoryChain(traced, worked_on, became, list(linked.values())[:REQUIREMENTS_SHOWN])


def requirements_naming(caller: Caller, memory: Memory) -> list[Requirement]:
    """Requirements of a memory's project whose text links to its title."""
    visible = Requirement.objects.visible_to(caller).within([memory.project_id]).select_related("project")
    # PostgreSQL finds those that hold brackets and the title's first word; what is a link is for its parser to tell.
    first_word = (memory.title.split() or [""])[0]
    candidates = visible.filter(content_md__contains="[[").filter(content_md__icontains=first_word)[:TEXTS_READ]
    key = title_key(memory.title)
    return [found for found in candidates if key in {title_key(title) for title in linked_titles(found.content_md)}]


def _steps(
    requirement: Requirement, moves: list[RequirementMove], traced: list[TracedRun], became: Memory | None
) -> list[Step]:
    wrote = _promotion_that_wrote(became, moves)
    steps = [
        Step(requirement.created_at, "written", requirement.created_by),
        *(Step(move.at, "moved", move.by, move=move, became=became if move is wrote else None) for move in moves),
        *(Step(found.run.started_at, "run", found.run.person or found.run.reported_by, run=found) for found in traced),
    ]
    return sorted(steps, key=lambda step: step.at)


def _promotion_that_wrote(became: Memory | None, moves: list[RequirementMove]) -> RequirementMove | None:
    """The promotion whose transaction saved the memory; None where that text is gone or it was saved before."""
    if became is None:
        return None
    saved = list(became.versions.values_list("saved_at", flat=True))
    promotions = [move for move in moves if move.to_state == RequirementState.PROMOTED]
    return next(
        (move for move in reversed(promotions) if any(move.at <= at <= move.at + ONE_TRANSACTION for at in saved)), None
    )


def _in_sight(caller: Caller, memory_id: uuid.UUID | None) -> Memory | None:
    if memory_id is None:
        return None
    light = Memory.objects.visible_to(caller).select_related("memory_type").defer("content_md", "resolution")
    return light.filter(pk=memory_id).first()


def _each_once(changes: Iterable[Change]) -> list[Change]:
    return list({change.told: change for change in changes}.values())


def _short(address: str) -> str:
    """The end of an address, which tells more than its beginning: `app/pull/7`, `app/commit/4fe21c0`."""
    parts = [part for part in address.split("?")[0].split("#")[0].split("/")[2:] if part]
    words = [part[:HASH_SHOWN] if HASH.fullmatch(part) else part for part in parts[1:][-3:]]
    return "/".join(words) or address
