"""The demo's runs: started, heard of and ended by the verbs that agents use, at believable times and costs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import F

from access.models import Project
from memories.models import Memory
from runs.models import Run
from runs.recording import ModelTokens, Told, heartbeat_run, log_run, start_run
from runs.tokens import TokenCounts
from zikra_portal.demo.material import DemoProject, Module
from zikra_portal.demo.people import Team
from zikra_portal.demo.requirements import Planned
from zikra_portal.demo.times import DAYS, Calendar
from zikra_portal.demo.wishes import STEPS, SUMMARIES

RUNS = 300
# What falls on a weekend moves before it; it should not leave the month for that.
WEEKEND = 3
FAILED_SHARE = 0.08
LONGEST = timedelta(minutes=110)
PULL_REQUEST_SHARE = 0.5
SILENT_SHARE = 0.05  # ended without a word about tokens
# Tool, its main model, the model of its small jobs, and how often it is taken.
AGENTS: tuple[tuple[str, str, str, int], ...] = (
    ("claude-code", "claude-sonnet-4-5", "claude-haiku-4-5", 9),
    ("claude-code", "claude-opus-4-1", "claude-haiku-4-5", 2),
    ("codex", "gpt-5-codex", "gpt-5-mini", 5),
    ("gemini-cli", "gemini-2.5-pro", "gemini-2.5-flash", 2),
    ("house-agent", "house-model-7b", "", 1),
)
# Minutes since the last word of what runs now; beyond ten minutes of silence a run is stale.
RUNNING_NOW: tuple[tuple[str, str, float], ...] = (
    ("demo-shop", "demo-frontend", 0.2),
    ("demo-shop", "demo-backend", 1.5),
    ("demo-warehouse", "demo-frontend", 0.7),
    ("demo-platform", "demo-ci", 3.0),
    ("demo-dispatch", "demo-backend", 34.0),
    ("demo-platform", "demo-ops", 190.0),
)


@dataclass(frozen=True)
class Purpose:
    """What a run is for: a module, and maybe a requirement or a prompt."""

    module: Module
    requirement_id: UUID | None = None
    requirement_title: str = ""
    prompt_id: UUID | None = None
    prompt_name: str = ""


class RunStories:
    """Records the runs of all projects."""

    def __init__(self, team: Team, calendar: Calendar) -> None:
        self.team = team
        self.calendar = calendar
        self.sessions = 0

    def of_requirements(self, project: DemoProject, stories: list[Planned]) -> None:
        """Two to four runs for each requirement that is or was worked on."""
        for story in stories:
            if not story.is_worked_on:
                continue
            count = self.calendar.chance.choice((2, 3, 3, 4))
            length = story.handed_in_at - story.taken_at
            for number in range(count):
                at = story.taken_at + length * (number / count)
                by_day = self.calendar.at_work(at)
                # What would end after the requirement was handed in was done at night.
                at = by_day if by_day < story.handed_in_at - LONGEST else at
                purpose = Purpose(story.module, story.requirement.pk, story.wish.title)
                run = self._record(
                    self.team.projects[project.name], story.worker, purpose, at, failed=0.12 if number == 0 else 0
                )
                story.run_ids.append(run.pk)

    def others(self, project: DemoProject, prompts: list[Memory], count: int) -> None:
        """So many more runs, most of them of a prompt."""
        chance = self.calendar.chance
        people = [
            *self.team.working_in(project.name),
            *(["demo-ci"] if project.name in ("demo-platform", "demo-shop") else []),
        ]
        for number in range(count):
            module = chance.choice(project.modules)
            purpose = Purpose(module)
            if number % 3:
                prompt = prompts[min(int(chance.expovariate(0.45)), len(prompts) - 1)]
                purpose = Purpose(module, prompt_id=prompt.pk, prompt_name=prompt.title)
            at = self.calendar.day(chance.uniform(0, DAYS - WEEKEND))
            self._record(self.team.projects[project.name], chance.choice(people), purpose, at, failed=FAILED_SHARE)

    def running_now(self, stories: dict[str, list[Planned]]) -> None:
        """A few that have not ended; some of them have fallen silent."""
        for project, username, minutes in RUNNING_NOW:
            mine = [story for story in stories[project] if story.is_worked_on and story.state == "in_progress"]
            story = mine[0] if mine else stories[project][0]
            purpose = Purpose(story.module, story.requirement.pk, story.wish.title)
            last_word = self.calendar.now - timedelta(minutes=minutes)
            begun = last_word - timedelta(minutes=self.calendar.chance.uniform(6, 35))
            self._open(self.team.projects[project], username, purpose, begun, last_word)

    def date(self, project_ids: list[int]) -> None:
        """The rows were made when the runs began."""
        Run.objects.filter(project_id__in=project_ids).update(created_at=F("started_at"))

    def _record(self, project: Project, username: str, purpose: Purpose, at: datetime, *, failed: float) -> Run:
        """A run from its start to its end."""
        chance = self.calendar.chance
        minutes = min(4 + chance.expovariate(1 / 16), LONGEST.total_seconds() / 60)
        ends = at + timedelta(minutes=minutes)
        if ends > self.calendar.now - timedelta(minutes=1):
            at, ends = at - (ends - self.calendar.now) - timedelta(minutes=2), self.calendar.now - timedelta(minutes=2)
        agent = self._agent(username)
        told = self._told(username, agent, purpose, at)
        caller = self.team.agents[username]
        start_run(caller, project, **told)
        steps = chance.choice((1, 1, 2))
        for number in range(steps):
            heartbeat_run(
                caller,
                project,
                session_id=told["session_id"],
                step=self._step(purpose.module, number),
                at=at + (ends - at) * ((number + 1) / (steps + 1)),
            )
        status = "failed" if chance.random() < failed else "success"
        end: Told = {
            "session_id": told["session_id"],
            "status": status,
            "output_summary": self._summary(purpose.module, status),
            "files_modified": self._files(purpose.module, status),
            "commits": self._commits(purpose, status),
            "at": ends,
        }
        if end["commits"] and chance.random() < PULL_REQUEST_SHARE:
            end["pull_requests"] = [f"#{200 + self.sessions}"]
        if chance.random() > SILENT_SHARE:
            end["usage"] = self._usage(agent, minutes)
        if agent[0] == "claude-code" and chance.random() < 0.15:
            end["cost_usd"] = Decimal(str(round(0.03 * minutes * chance.uniform(0.7, 1.4), 4)))
        return log_run(caller, project, **end)

    def _open(self, project: Project, username: str, purpose: Purpose, begun: datetime, last_word: datetime) -> None:
        agent = self._agent(username)
        told = self._told(username, agent, purpose, begun)
        caller = self.team.agents[username]
        start_run(caller, project, **told)
        for number in range(3):
            heartbeat_run(
                caller,
                project,
                session_id=told["session_id"],
                step=self._step(purpose.module, number),
                usage=self._usage(agent, 4.0 * (number + 1)),
                at=begun + (last_word - begun) * ((number + 1) / 3),
            )

    def _agent(self, username: str) -> tuple[str, str, str, int]:
        """Each person has a favourite tool."""
        chance = self.calendar.chance
        if chance.random() < 0.6:
            return AGENTS[(0, 2, 0, 3, 2, 0)[sum(username.encode()) % 6]]
        return chance.choices(AGENTS, weights=[agent[3] for agent in AGENTS])[0]

    def _told(self, username: str, agent: tuple[str, str, str, int], purpose: Purpose, at: datetime) -> Told:
        self.sessions += 1
        kind = (
            "build-1" if username == "demo-ci" else self.calendar.chance.choice(("laptop", "laptop", "laptop", "desk"))
        )
        return {
            "at": at,
            "session_id": f"demo-session-{self.sessions:04}",
            "runner": f"{agent[0]} of {username}",
            "agent": agent[0],
            "model": agent[1],
            "machine": f"{username}-{kind}",
            "cwd": f"/home/{username}/{purpose.module.file.split('/')[0]}",
            "branch": f"{purpose.module.name}-{self.sessions}" if purpose.requirement_id else "main",
            "prompt_id": purpose.prompt_id,
            "prompt_name": purpose.prompt_name,
            "requirement_id": purpose.requirement_id,
            "requirement_title": purpose.requirement_title,
        }

    def _usage(self, agent: tuple[str, str, str, int], minutes: float) -> list[ModelTokens]:
        """Tokens that grow with the minutes; most of what is read comes from the cache."""
        chance = self.calendar.chance
        scale = minutes * chance.uniform(0.6, 1.5)
        cached = agent[0] != "house-agent"
        main = TokenCounts(
            tokens_input=int(900 * scale),
            tokens_output=int(1100 * scale),
            tokens_cache_read=int(38_000 * scale) if cached else None,
            tokens_cache_write_5m=int(2600 * scale) if agent[0] == "claude-code" else None,
        )
        small = TokenCounts(tokens_input=int(350 * scale), tokens_output=int(60 * scale))
        rows = [ModelTokens(agent[1], main)]
        if agent[2] and chance.random() < 0.5:
            rows.append(ModelTokens(agent[2], small))
        return rows

    def _step(self, module: Module, number: int) -> str:
        first = self.calendar.chance.randrange(2)
        return STEPS[(number * 2 + first) % len(STEPS)].format(file=module.file, what=module.what)

    def _summary(self, module: Module, status: str) -> str:
        chance = self.calendar.chance
        before = chance.randrange(40, 900)
        return chance.choice(SUMMARIES[status]).format(
            file=module.file,
            what=module.what,
            tests=chance.randrange(2, 12),
            minutes=chance.randrange(2, 7),
            before=before,
            after=int(before * chance.uniform(0.2, 0.8)),
        )

    def _commits(self, purpose: Purpose, status: str) -> list[str]:
        """Up to three, of work on a requirement that came to something."""
        if status != "success" or purpose.requirement_id is None:
            return []
        return [f"{self.calendar.chance.getrandbits(40):010x}" for _ in range(self.calendar.chance.randrange(4))]

    def _files(self, module: Module, status: str) -> list[str]:
        folder = module.file.rsplit("/", 1)[0]
        possible = [
            module.file,
            f"{folder}/models.py",
            f"{folder}/views.py",
            f"tests/{module.name}/test_{module.name}.py",
            "docs/changes.md",
        ]
        return possible[: self.calendar.chance.randrange(0 if status == "failed" else 1, len(possible) + 1)]
