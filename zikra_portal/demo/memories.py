"""The demo's memories: of every type, at believable times, linked, rewritten, pinned, archived, born in runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from access.callers import Caller
from memories.curating import archive_memory, pin_memory
from memories.models import Memory, MemoryUse, MemoryVersion, UseKind
from memories.prompts import PROMPT_TYPE
from memories.saving import save_memory
from runs.models import Run
from zikra_portal.demo.material import DemoProject, Module
from zikra_portal.demo.people import Team
from zikra_portal.demo.requirements import Planned, date_memory
from zikra_portal.demo.times import DAYS, Calendar
from zikra_portal.demo.wishes import FEEDBACK, PEOPLE, PREFERENCES, PROMPTS, WISHES

# Of what is learnt, so much is learnt in a run; the rest is written by people.
LEARNT_IN_RUNS = 0.6
LEARNT_BY_AGENTS = frozenset({"decision", "error", "note", "schema", "architecture"})
# So much of what no run brought is older than the month, and forgotten by most.
OLD_SHARE = 0.25
REWRITTEN_SHARE = 0.14
ARCHIVED_SHARE = 0.4  # of the old ones
GIVEN_TO_A_RUN = 6


@dataclass(frozen=True)
class Draft:
    """A memory to be saved. days_ago: when it was learnt; None for some day of the month."""

    memory_type: str
    title: str
    content_md: str
    module: str = ""
    tags: tuple[str, ...] = ()
    resolution: str = ""
    source_file: str = ""
    confidence: float = 1.0
    days_ago: float | None = None


class MemoryStories:
    """Writes the memories of all projects."""

    def __init__(self, team: Team, calendar: Calendar) -> None:
        self.team = team
        self.calendar = calendar

    def prompts(self, project: DemoProject) -> list[Memory]:
        """A project's prompts, which are older than its runs."""
        first = project.modules[0].choices[0].title
        saved = []
        for title, text in PROMPTS:
            draft = Draft(
                PROMPT_TYPE,
                title.format(project=project.name),
                text.format(project=project.name, first=first),
                tags=("prompt",),
            )
            saved.append(self._save(project, draft, self.calendar.day(DAYS + 6), None))
        return saved

    def write(self, project: DemoProject) -> list[Memory]:
        """Everything else that a project knows."""
        row = self.team.projects[project.name]
        runs = list(Run.objects.filter(project=row).finished().order_by("started_at", "session_id"))
        written = []
        for draft in self._drafts(project):
            run = None
            may_be_of_run = draft.days_ago is None and draft.memory_type in LEARNT_BY_AGENTS
            if may_be_of_run and self.calendar.chance.random() < LEARNT_IN_RUNS:
                # Best one that worked on that module.
                of_module = [run for run in runs if run.branch.startswith(f"{draft.module}-")]
                run = self.calendar.chance.choice(of_module or runs)
            written.append(self._save(project, draft, self._moment(draft, run), run))
        return written

    def curate(self, project: DemoProject, written: list[Memory]) -> None:
        """People rewrite, confirm, pin and archive; agents look things up."""
        lead = self.team.pages["demo-owner"]
        chance, now = self.calendar.chance, self.calendar.now
        for memory in written:
            at = memory.created_at
            is_old = at < now - timedelta(days=DAYS)
            if chance.random() < REWRITTEN_SHARE and not is_old:
                self._rewrite(memory, self.calendar.after(at, 90))
            if is_old and chance.random() < ARCHIVED_SHARE:
                archive_memory(lead, memory)
                Memory.objects.filter(pk=memory.pk).update(archived_at=self.calendar.day(4))
            elif not is_old and chance.random() < 0.2:
                confirmed = self.calendar.after(at + timedelta(days=1), 200)
                Memory.objects.filter(pk=memory.pk).update(confirmed_at=confirmed, confirmed_by="demo-lead")
        for memory in [memory for memory in written if memory.memory_type_id == "decision"][:2]:
            pin_memory(lead, memory, "Everybody who works here has to know it.")
            Memory.objects.filter(pk=memory.pk).update(pinned_at=self.calendar.day(10))

    def give_to_runs(self, project: DemoProject) -> None:
        """What the runs were told, found and read; and how often each memory was read by that."""
        row = self.team.projects[project.name]
        # What is older, but for the prompts, has been forgotten: the page of hygiene shows it.
        current = Q(created_at__gte=self.calendar.now - timedelta(days=DAYS + 3)) | Q(memory_type=PROMPT_TYPE)
        known = list(Memory.objects.filter(current, project=row, archived_at=None).order_by("created_at", "title"))
        uses: list[MemoryUse] = []
        reads: dict[Memory, list[datetime]] = {}
        for run in Run.objects.filter(project=row).order_by("started_at", "session_id"):
            for memory, how, at in self._given(run, known):
                uses.append(MemoryUse(memory=memory, run_id=run.pk, how=how, at=at))
                reads.setdefault(memory, []).append(at)
        MemoryUse.objects.bulk_create(uses, ignore_conflicts=True)
        for memory, moments in reads.items():
            memory.access_count, memory.last_accessed_at = len(moments), max(moments)
        Memory.objects.bulk_update(list(reads), ["access_count", "last_accessed_at"], batch_size=500)

    def link(self, project: DemoProject, stories: list[Planned]) -> None:
        """Each requirement has one to three memories of its module."""
        row = self.team.projects[project.name]
        for story in stories:
            about = Memory.objects.filter(
                project=row, module=story.module.name, memory_type__in=["decision", "error", "note"]
            )
            found = list(about.order_by("title"))
            story.requirement.memories.set(self.calendar.chance.sample(found, self.calendar.chance.randrange(1, 4)))

    # --- saving -------------------------------------------------------------------------------------------------------

    def _save(self, project: DemoProject, draft: Draft, at: datetime, run: Run | None) -> Memory:
        """Save a draft as who learnt it: the run's person, or somebody of the project at a page."""
        memory = save_memory(
            self._who(project, draft, run),
            self.team.projects[project.name],
            draft.memory_type,
            draft.title,
            content_md=draft.content_md,
            module=draft.module,
            resolution=draft.resolution,
            tags=draft.tags,
            source_file=draft.source_file,
            confidence=draft.confidence,
            occurred_at=at,
            run_id=run.pk if run else None,
        ).memory
        date_memory(memory, at)
        memory.created_at = at
        return memory

    def _who(self, project: DemoProject, draft: Draft, run: Run | None) -> Caller:
        if run is not None:
            owner = next((name for name, member in self.team.members.items() if member.pk == run.member_id), "demo-ci")
            return self.team.agents[owner]
        people = self.team.working_in(project.name)
        return self.team.pages[self.calendar.chance.choice(people)]

    def _moment(self, draft: Draft, run: Run | None) -> datetime:
        chance = self.calendar.chance
        if draft.days_ago is not None:
            return self.calendar.day(draft.days_ago)
        if run is not None and run.finished_at is not None:
            return run.started_at + (run.finished_at - run.started_at) * chance.uniform(0.2, 0.98)
        is_old = draft.memory_type in ("note", "conversation", "reference") and chance.random() < OLD_SHARE
        return self.calendar.day(chance.uniform(DAYS + 5, DAYS + 45) if is_old else chance.uniform(0.1, DAYS))

    def _rewrite(self, memory: Memory, at: datetime) -> None:
        added = self.calendar.chance.choice(
            (
                "**Added later:** still true after the last release.",
                "**Added later:** holds for phones as well; tried by demo-frontend.",
                "**Corrected:** the numbers are those of the last eight weeks, not of the year.",
            )
        )
        who = self.team.pages["demo-lead" if memory.project.name != "demo-platform" else "demo-ops"]
        saved = save_memory(
            who, memory.project, memory.memory_type_id, memory.title, content_md=f"{memory.content_md}\n\n{added}"
        ).memory
        Memory.objects.filter(pk=saved.pk).update(updated_at=at, confirmed_at=at)
        MemoryVersion.objects.filter(memory=saved, number=saved.version).update(saved_at=at)

    def _given(self, run: Run, known: list[Memory]) -> Iterator[tuple[Memory, UseKind, datetime]]:
        """What a run was given, of what was known when it began."""
        chance = self.calendar.chance
        ends = run.finished_at or run.last_seen_at
        before = [memory for memory in known if memory.created_at < run.started_at]
        for memory in chance.sample(before, min(len(before), chance.randrange(1, GIVEN_TO_A_RUN + 1))):
            how = chance.choice((UseKind.CONTEXT, UseKind.SEARCH, UseKind.SEARCH, UseKind.GET))
            at = (
                run.started_at if how == UseKind.CONTEXT else run.started_at + (ends - run.started_at) * chance.random()
            )
            yield memory, how, at
        prompt = next((memory for memory in known if memory.pk == run.prompt_id), None)
        if prompt is not None:
            yield prompt, UseKind.PROMPT, run.started_at

    # --- texts --------------------------------------------------------------------------------------------------------

    def _drafts(self, project: DemoProject) -> Iterator[Draft]:
        for number, module in enumerate(project.modules):
            yield from self._decided(module)
            yield from self._broken(module, is_last=number == len(project.modules) - 1)
            yield from self._known(project, module, number)
            yield from self._talked(project, module)
        yield from self._weeks(project)
        yield from self._people(project)
        yield from self._wanted(project)

    def _decided(self, module: Module) -> Iterator[Draft]:
        for number, choice in enumerate(module.choices):
            other = module.choices[(number + 1) % len(module.choices)].title
            text = (
                f"**Decided:** {choice.title}.\n\n**Why:** {choice.because}.\n\n**Instead of:** {choice.instead_of}.\n\n"
                f"It concerns {module.what} (`{module.file}`). See also [[{other}]]."
            )
            yield Draft(
                "decision", choice.title, text, module.name, (module.name, self._topic()), source_file=module.file
            )

    def _broken(self, module: Module, *, is_last: bool) -> Iterator[Draft]:
        for number, fault in enumerate(module.faults):
            title = f"{fault.kind}: {fault.message}"
            text = (
                f"{fault.message}\n\nType: {fault.kind}\n\n```\n{module.file}, line {self.calendar.chance.randrange(20, 400)}\n"
                f"{fault.kind}: {fault.message}\n```\n\nMet while working on {module.what}."
            )
            is_open = is_last and number == len(module.faults) - 1
            solved = "" if is_open else f"{_sentence(fault.cause)} {fault.fix}"
            yield Draft("error", title, text, module.name, (fault.kind, module.name), solved, module.file)
        fault = module.faults[0]
        again = (
            f"[[{fault.kind}: {fault.message}]] came back on the test machine, after the data had been copied there. "
            f"The cause was the same: {fault.cause}."
        )
        told = f"The copy had the old setting. {fault.fix}"
        yield Draft("error", f"{fault.kind} again on the test machine", again, module.name, (fault.kind,), told)

    def _known(self, project: DemoProject, module: Module, number: int) -> Iterator[Draft]:
        tags = (module.name, self._topic())
        for place, (title, text) in enumerate(module.facts):
            # The page of hygiene shows these as dead links, so they must not be among the old ones that are archived.
            names_glossary = number == 1
            glossary = f" Words are explained in [[Glossary of {project.name}]]." if names_glossary else ""
            yield Draft(
                "note",
                title,
                f"{text}{glossary}",
                module.name,
                tags,
                confidence=self.calendar.chance.choice((1, 1, 0.8)),
                days_ago=9 + 6 * place if names_glossary else None,
            )
        chance = self.calendar.chance
        before = chance.randrange(60, 900)
        after = int(before * chance.uniform(0.3, 0.8))
        yield Draft(
            *("note", f"Measured: {module.what} over a thousand calls"),
            f"| | median | 95th percentile |\n|---|---|---|\n| before | {before} ms | {before * 3} ms |\n| after | {after} ms | {after * 2} ms |\n\n"
            f"A thousand calls each on the same two-core machine. What helped: [[{module.choices[0].title}]].",
            *(module.name, ("measured", module.name)),
        )
        links = "\n".join(f"- [[{choice.title}]]" for choice in module.choices)
        facts = "\n".join(f"- {text}" for _, text in module.facts)
        yield Draft(
            *("architecture", f"How it works: {module.what}"),
            f"All of it stands in `{module.file}` and around the table `{module.table}` ([[Table {module.table}]]).\n\n"
            f"## What was decided\n\n{links}\n\n## What one has to know\n\n{facts}",
            *(module.name, tags),
        )
        yield Draft(
            *("context", f"Before you touch {module.what}"),
            f"Read [[How it works: {module.what}]] first. The error that one meets first is "
            f"[[{module.faults[0].kind}: {module.faults[0].message}]]; the rule that is broken most easily is "
            f"[[{module.choices[1].title}]]. {module.facts[2][1]}",
            *(module.name, tags),
        )
        yield Draft(
            *("reference", f"Runbook: {module.what}"),
            f"1. Look whether it is [[{module.faults[1].kind}: {module.faults[1].message}]].\n"
            f"2. Ask the log for the order's number and for `{module.table}`.\n"
            f"3. Undo the last deploy of `{module.file.split('/')[0]}` if it is younger than an hour.\n"
            f"4. Tell demo-lead, and write down what it was.",
            *(module.name, ("runbook", module.name)),
        )
        columns = ",\n".join(f"    {column}" for column in module.columns.split(", "))
        yield Draft(
            *("schema", f"Table {module.table}"),
            f"```sql\nCREATE TABLE {module.table} (\n{columns}\n);\n```\n\nBelongs to {module.what}. {module.facts[0][1]}",
            *(module.name, ("schema", module.name)),
        )
        if number == 0:
            # The page of hygiene shows it as a title kept twice, so it must not be among the old ones that are archived.
            again = f"before you touch {module.what}"
            yield Draft("note", again, "Ask demo-lead for the diagram.", module.name, tags, days_ago=12)

    def _talked(self, project: DemoProject, module: Module) -> Iterator[Draft]:
        people = self.team.working_in(project.name)
        for choice in module.choices:
            asks, answers = self.calendar.chance.sample(people, 2)
            text = (
                f"**{asks}:** What speaks for {choice.instead_of}?\n\n**{answers}:** That {choice.because}. So we do it "
                f"the other way.\n\n**{asks}:** Then let us write it down.\n\nIt became [[{choice.title}]]."
            )
            yield Draft("conversation", f"{asks} asked about {choice.instead_of}", text, module.name, ("talk",))
        fault = module.faults[2]
        asks, answers = self.calendar.chance.sample(people, 2)
        text = (
            f"**{asks}:** I see '{fault.message}' again.\n\n**{answers}:** Last time {fault.cause}. {fault.fix}\n\n"
            f"See [[{fault.kind}: {fault.message}]]."
        )
        yield Draft(
            "conversation", f"{asks} met {fault.kind} in {module.what}", text, module.name, ("talk", fault.kind)
        )

    def _weeks(self, project: DemoProject) -> Iterator[Draft]:
        """The week's report, for four weeks; the running week is one of them."""
        for weeks in range(4):
            week = self.calendar.now - timedelta(days=7 * weeks + self.calendar.now.weekday())
            module = project.modules[weeks % len(project.modules)]
            wishes = WISHES[project.name][3 - weeks : 5 - weeks]
            done = "\n".join(f"- {wish.title}" for wish in wishes)
            yield Draft(
                *("project", f"{project.name} in the week of {week:%d %b %Y}".replace(" 0", " ")),
                f"Most of the week went into {module.what}.\n\n## Worked on\n\n{done}\n\n## Decided\n\n"
                f"- [[{module.choices[weeks % 3].title}]]\n\n## Broke\n\n- [[{module.faults[weeks % 3].kind}: "
                f"{module.faults[weeks % 3].message}]]",
                *("", ("week",)),
                # On the Friday of that week, or today.
                days_ago=max(0, 7 * weeks + self.calendar.now.weekday() - 4),
            )

    def _people(self, project: DemoProject) -> Iterator[Draft]:
        at_home = [name for name, _, projects, _ in PEOPLE if (projects or ("demo-platform",))[0] == project.name]
        for name in at_home:
            habit, wish = PREFERENCES[name]
            what = next(text for username, _, _, text in PEOPLE if username == name)
            yield Draft("user", f"How {name} works", f"{name} {what}, and {habit}.", tags=("person",))
            yield Draft("user", f"What {name} asks for", f"{name} {wish}.", tags=("person",))
        share = len(FEEDBACK) // len(WISHES)
        first = list(WISHES).index(project.name) * share
        for number, text in enumerate(FEEDBACK[first : first + share]):
            module = project.modules[number % len(project.modules)]
            said = f"{text}\n\nSaid by demo-lead at the review of [[{module.choices[2].title}]]."
            yield Draft("feedback", text.rstrip(".").split(";")[0], said, module.name, ("review",))

    def _wanted(self, project: DemoProject) -> Iterator[Draft]:
        """What somebody asked for before it was written as a requirement."""
        for wish in WISHES[project.name][9:12]:
            criteria = "\n".join(f"- {criterion}" for criterion in wish.criteria)
            yield Draft("requirement", wish.title, f"{wish.why}\n\n{criteria}", wish.module, (wish.module,))

    def _topic(self) -> str:
        return self.calendar.chance.choice(("customers", "speed", "safety", "cost", "data"))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
