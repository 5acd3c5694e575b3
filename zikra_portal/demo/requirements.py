"""The demo's requirements: written, talked about, promoted, worked on, handed in; each at its time."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Max

from access.callers import Caller
from access.models import Notification
from memories.models import Memory, MemoryVersion
from requirements_pipeline.commenting import add_comment
from requirements_pipeline.criteria import check_criterion
from requirements_pipeline.models import Requirement, RequirementComment, RequirementMove, RequirementState
from requirements_pipeline.moves import move_requirement, promote_requirement
from requirements_pipeline.ordering import reorder
from requirements_pipeline.pulling import finish_requirement
from requirements_pipeline.watching import watch
from requirements_pipeline.writing import edit_requirement, save_requirement
from zikra_portal.demo.material import DemoProject, Module
from zikra_portal.demo.people import Team
from zikra_portal.demo.times import Calendar
from zikra_portal.demo.wishes import COMMENTS, REASONS, WISHES, Wish

_S = RequirementState
# How far each of a project's wishes has come, in the order of the wishes.
STATES: tuple[RequirementState, ...] = (
    *(_S.DONE, _S.DONE, _S.DONE, _S.DONE, _S.IN_REVIEW, _S.IN_PROGRESS, _S.IN_PROGRESS, _S.PROMOTED, _S.PROMOTED),
    *(_S.SUBMITTED, _S.SUBMITTED, _S.DRAFT, _S.ON_HOLD, _S.REJECTED, _S.PROMOTED),
)
# The shop holds nothing back; what would be on hold there waits for a decision.
EXCEPTIONS = {("demo-shop", 12): _S.SUBMITTED, ("demo-shop", 14): _S.SUBMITTED, ("demo-platform", 5): _S.IN_REVIEW}
# A wish that waits for another one of its project.
WAITS_FOR = {8: 6, 14: 7, 10: 8}
PRIORITIES = (1, 2, 2, 3, 2, 1, 3, 2, 3, 2, 3, 4, 3, 5, 3)
UNREAD_DAYS = 3
# Comments that begin something, by their place; some are followed by their answer.
FIRST_COMMENTS = (0, 1, 3, 4, 6, 7, 9, 10, 11)
ANSWERED = frozenset({1, 4, 7})
WORKED_ON = frozenset({_S.DONE, _S.IN_REVIEW, _S.IN_PROGRESS})


@dataclass
class Planned:
    """A requirement's story: when it reached what. work: when it was taken and, once it was, handed in."""

    requirement: Requirement
    wish: Wish
    module: Module
    state: RequirementState
    worker: str
    written_at: datetime
    submitted_at: datetime
    promoted_at: datetime
    taken_at: datetime
    handed_in_at: datetime
    run_ids: list[UUID] = field(default_factory=list)

    @property
    def is_worked_on(self) -> bool:
        """Whether runs belong to it."""
        return self.state in WORKED_ON


class RequirementStories:
    """Writes the requirements of all projects, then, when the runs are known, moves them along."""

    def __init__(self, team: Team, calendar: Calendar) -> None:
        self.team = team
        self.calendar = calendar
        self.told = Notification.objects.aggregate(last=Max("pk"))["last"] or 0

    def write(self, project: DemoProject) -> list[Planned]:
        """Write a project's wishes, in their order, as their authors."""
        return [self._write(project, number, wish) for number, wish in enumerate(WISHES[project.name])]

    def _write(self, project: DemoProject, number: int, wish: Wish) -> Planned:
        chance, calendar = self.calendar.chance, self.calendar
        state = EXCEPTIONS.get((project.name, number), STATES[number])
        module = next(module for module in project.modules if module.name == wish.module)
        people = self.team.working_in(project.name)
        author = "demo-pm" if "demo-pm" in people and chance.random() < 0.7 else chance.choice(people)
        written_at = calendar.day(_age_of(state, number, chance.uniform(0, 3)))
        waits_for = [WISHES[project.name][WAITS_FOR[number]].title] if number in WAITS_FOR else []
        requirement = save_requirement(
            self.team.pages[author],
            self.team.projects[project.name],
            wish.title,
            content_md=_text(wish, module),
            acceptance=wish.criteria,
            priority=PRIORITIES[number],
            module=wish.module,
            tags=[wish.module, chance.choice(("customers", "speed", "safety", "cost"))],
            due_on=_due(state, number, calendar),
            depends_on=waits_for,
            state=_S.DRAFT,
        )
        Requirement.objects.filter(pk=requirement.pk).update(created_at=written_at, updated_at=written_at)
        requirement.versions.update(saved_at=written_at)
        submitted_at = calendar.after(written_at, 3)
        promoted_at = calendar.after(submitted_at, 40, least=2)
        taken_at = calendar.after(promoted_at, 30)
        return Planned(
            *(requirement, wish, module, state, chance.choice(people)),
            *(written_at, submitted_at, promoted_at, taken_at, calendar.after(taken_at, 60, least=5)),
        )

    def go_on(self, project: DemoProject, stories: list[Planned]) -> None:
        """Bring each requirement to the state that it has now."""
        for story in stories:
            self._submit_and_refine(project, story)
            self._talk(project, story)
            self._decide(project, story)
            if story.is_worked_on:
                self._work(story)
            self._date_notices(story.handed_in_at)
        self._order(stories)

    def _submit_and_refine(self, project: DemoProject, story: Planned) -> None:
        if story.state == _S.DRAFT:
            return
        author = self._author(story)
        self._moved(story, author, _S.SUBMITTED, story.submitted_at)
        if self.calendar.chance.random() < 0.3:
            at = story.submitted_at + (story.promoted_at - story.submitted_at) / 2
            lead = self.team.pages[self.calendar.chance.choice(self.team.working_in(project.name))]
            criteria = [*story.wish.criteria, "A test holds each of these"]
            edited = edit_requirement(lead, story.requirement, acceptance=criteria)
            edited.versions.filter(number=edited.version).update(saved_at=at)
            Requirement.objects.filter(pk=edited.pk).update(updated_at=at)

    def _talk(self, project: DemoProject, story: Planned) -> None:
        """Comments: a question is followed by its answer."""
        chance = self.calendar.chance
        people = self.team.working_in(project.name)
        at = self.calendar.after(story.written_at, 8)
        for first in chance.sample(FIRST_COMMENTS, chance.choice((0, 1, 1, 2, 3))):
            speakers = chance.sample([name for name in people if f"@{name}" not in COMMENTS[first]], 2)
            for number in (first, first + 1) if first in ANSWERED else (first,):
                said = COMMENTS[number].format(
                    machine="a phone",
                    share=chance.randrange(3, 40),
                    choice=story.module.choices[0].title,
                    fault=story.module.faults[0].message,
                )
                asked = next((name for name in people if f"@{name}" in COMMENTS[first]), speakers[1])
                speaker = speakers[0] if number == first else asked
                comment = add_comment(self.team.pages[speaker], story.requirement, said)
                RequirementComment.objects.filter(pk=comment.pk).update(at=at)
                self._date_notices(at)
                at = self.calendar.after(at, 12)
        if chance.random() < 0.2:
            watch(self.team.pages["demo-lead"], story.requirement)

    def _decide(self, project: DemoProject, story: Planned) -> None:
        """What the owner, or an admin, does with what was submitted."""
        owner = self.team.pages["demo-owner"]
        if story.state in (_S.DRAFT, _S.SUBMITTED):
            return
        if story.state in (_S.REJECTED, _S.ON_HOLD):
            reason = REASONS[story.state][list(WISHES).index(project.name)]
            self._moved(story, owner, story.state, story.promoted_at, reason)
            return
        became = self.calendar.chance.choice(("prompt", "prompt", "decision", "", ""))
        promoted = promote_requirement(owner, story.requirement, became)
        self._date_move(story, story.promoted_at)
        Requirement.objects.filter(pk=promoted.pk).update(promoted_at=story.promoted_at)
        if promoted.became is not None:
            date_memory(promoted.became, story.promoted_at)

    def _work(self, story: Planned) -> None:
        """Taken, sometimes given back once or sent back from review, handed in, and reviewed."""
        chance = self.calendar.chance
        agent = self.team.agents[story.worker]
        run_id = story.run_ids[0] if story.run_ids else None
        if chance.random() < 0.25:
            half = story.promoted_at + (story.taken_at - story.promoted_at) / 2
            self._moved(story, agent, _S.IN_PROGRESS, half)
            self._moved(
                story, agent, _S.PROMOTED, half + (story.taken_at - half) / 2, chance.choice(REASONS["promoted"])
            )
        self._moved(story, agent, _S.IN_PROGRESS, story.taken_at, run_id=run_id)
        if story.state == _S.IN_PROGRESS:
            # Given to a person and claimed by nobody: a lease that ends would take it back while the demo is looked at.
            Requirement.objects.filter(pk=story.requirement.pk).update(assignee_id=agent.member_id)
            check_criterion(agent, story.requirement, 1, True)
            story.requirement.met_criteria.update(at=self.calendar.after(story.taken_at, 10))
            return
        claim = {"claimed_by": agent.name, "claimant_id": agent.member_id, "claimed_at": story.taken_at}
        Requirement.objects.filter(pk=story.requirement.pk).update(**claim)
        if chance.random() < 0.25:
            back = story.taken_at + (story.handed_in_at - story.taken_at) / 2
            self._hand_in(story, agent, story.taken_at + (back - story.taken_at) / 2)
            self._moved(
                story, self.team.pages["demo-owner"], _S.IN_PROGRESS, back, chance.choice(REASONS["in_progress"])
            )
        self._hand_in(story, agent, story.handed_in_at)
        if story.state == _S.DONE:
            self._moved(story, self.team.pages["demo-owner"], _S.DONE, self.calendar.after(story.handed_in_at, 20))

    def _hand_in(self, story: Planned, agent: Caller, at: datetime) -> None:
        summary = f"{story.wish.title}: done in `{story.module.file}`; tests hold the criteria."
        count = len(Requirement.objects.get(pk=story.requirement.pk).acceptance)
        numbers = list(range(1, count + 1))
        last_run = story.run_ids[-1] if story.run_ids else None
        finish_requirement(agent, story.requirement, output_summary=summary, criteria_met=numbers, run_id=last_run)
        story.requirement.met_criteria.update(at=at)
        self._date_move(story, at)

    def _order(self, stories: list[Planned]) -> None:
        """The owner has placed those of the second priority that wait."""
        waiting = [story for story in stories if story.state == _S.PROMOTED and PRIORITIES[stories.index(story)] == 3]
        reorder(self.team.pages["demo-owner"], [story.requirement.pk for story in reversed(waiting)])

    def _author(self, story: Planned) -> Caller:
        username = next(name for name, member in self.team.members.items() if member.pk == story.requirement.author_id)
        return self.team.pages[username]

    def _moved(
        self,
        story: Planned,
        caller: Caller,
        target: RequirementState,
        at: datetime,
        reason: str = "",
        run_id: UUID | None = None,
    ) -> None:
        move_requirement(caller, story.requirement, target, reason=reason, run_id=run_id)
        self._date_move(story, at)

    def _date_move(self, story: Planned, at: datetime) -> None:
        """The newest move happened then."""
        newest = RequirementMove.objects.filter(requirement=story.requirement).order_by("-pk").values("pk")[:1]
        RequirementMove.objects.filter(pk__in=newest).update(at=at)
        Requirement.objects.filter(pk=story.requirement.pk).update(updated_at=at)
        self._date_notices(at)

    def _date_notices(self, at: datetime) -> None:
        """What was told since the last time was told then; what is a few days old has been read."""
        fresh = Notification.objects.filter(pk__gt=self.told)
        is_old = at < self.calendar.now - timedelta(days=UNREAD_DAYS)
        fresh.update(at=at, read_at=at + timedelta(hours=2) if is_old else None)
        self.told = Notification.objects.aggregate(last=Max("pk"))["last"] or self.told


def date_memory(memory: Memory, at: datetime) -> None:
    """A memory that was saved just now was learnt and saved then."""
    Memory.objects.filter(pk=memory.pk).update(created_at=at, updated_at=at, confirmed_at=at)
    MemoryVersion.objects.filter(memory=memory).update(saved_at=at)


def _age_of(state: RequirementState, number: int, more: float) -> float:
    """Days ago that a requirement was written: what is done is older than what is a draft."""
    youngest = {_S.DONE: 13, _S.IN_REVIEW: 7, _S.IN_PROGRESS: 6, _S.PROMOTED: 5, _S.SUBMITTED: 2, _S.DRAFT: 1}
    return youngest.get(state, 9) + more + (number % 4) * (4 if state == _S.DONE else 0.7)


def _due(state: RequirementState, number: int, calendar: Calendar) -> date | None:
    if state in (_S.DRAFT, _S.REJECTED) or number % 3 == 2:
        return None
    days = {_S.DONE: -6, _S.IN_REVIEW: 1, _S.IN_PROGRESS: -3 if number == 5 else 4}.get(state, 9 + number)
    return (calendar.now + timedelta(days=days + calendar.chance.randrange(-1, 6))).date()


def _text(wish: Wish, module: Module) -> str:
    title, fact = module.facts[0]
    return (
        f"## Why\n\n{wish.why}\n\n## What\n\n{wish.title}. It belongs to {module.what} (`{module.file}`).\n\n"
        f"## Good to know\n\n- {fact}\n- We decided: [[{module.choices[0].title}]]\n- See [[{title}]]\n"
    )
