"""The demo's machines, as their clients told of themselves, and where some of its sessions left off."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max, Min

from access.models import Notification
from runs.capture.digest import Digest
from runs.handoffs import accept, begin, cancel, leave_automatic
from runs.machines import note_machine, refuse_machine, rename_machine, sharing_token
from runs.models import CapturedEvent, Handoff, Machine, Run
from zikra_portal.demo.people import Team
from zikra_portal.demo.requirements import Planned
from zikra_portal.demo.times import Calendar


@dataclass(frozen=True)
class Left:
    """What a session left of a wish, by its project and its place there.

    is_automatic: at the session's end; else on purpose. assigned_to: for whose next session. is_taken: the session
    that runs in the project has it. cancelled: why nobody gets it any more.
    """

    project: str
    place: int
    state: str
    questions: tuple[str, ...]
    steps: tuple[str, ...]
    is_automatic: bool = False
    assigned_to: str = ""
    is_taken: bool = False
    cancelled: str = ""


LEFT: tuple[Left, ...] = (
    Left(
        "demo-shop",
        5,
        "The offer stands on the page after the payment, and the order moves into the new account. The mail that "
        "confirms the address is written and not sent yet.",
        ("Shall the offer show again with the next order?",),
        ("Send the confirming mail by the queue", "Look at the page on a phone"),
        is_automatic=True,
    ),
    Left(
        "demo-shop",
        6,
        "All sizes of a plant come from one query now, and the page shows them in a row. Prices differ by size, and "
        "the list of the catalogue still names the price of the first.",
        ("Which price does the list name: the lowest, or a range?",),
        ("Choose with the team what the list says", "Change the list and its test"),
        assigned_to="demo-lead",
    ),
    Left(
        "demo-dispatch",
        5,
        "Travel times of the last ninety days are summed by hour and weekday. The planner does not ask for them yet.",
        (),
        ("Let the planner read them", "Compare a week of plans with what was driven"),
        is_taken=True,
    ),
    Left(
        "demo-warehouse",
        5,
        "A list belongs to whoever opens it first, and the second picker is told who has it. Giving it back by hand "
        "works; giving it back after a pause does not.",
        ("After how many minutes is a list free again?",),
        ("Free lists whose picker is away", "Try it with two scanners in the hall"),
        is_automatic=True,
    ),
    Left(
        "demo-platform",
        6,
        "Tests that fail and pass on the same commit are counted. Nothing opens a requirement of it.",
        (),
        ("Open one after the third time",),
        cancelled="Done in the same afternoon.",
    ),
)
# What is odd about the machine that these were last heard of from; all others have sent everything and are trusted.
BACKLOGS = {"demo-hall": (14, 1_900)}
UNTRUSTED = {"demo-frontend": ["codex"]}
CALLED = {"demo-hall": "Packing table, hall 2"}


def note_machines(team: Team) -> None:
    """The machines that the demo's runs tell of; the one that was silent for longest of those that share a token is
    refused."""
    projects = [project.pk for project in team.projects.values()]
    told = Run.objects.filter(project_id__in=projects).exclude(machine="").order_by()
    grouped = told.values("machine", "agent", "person", "member_id", "token_id")
    rows: list[Any] = list(
        grouped.annotate(first=Min("started_at"), last=Max("last_seen_at")).order_by("last", "machine", "agent")
    )
    newest = {row["person"]: row["machine"] for row in rows}
    for row in rows:
        odd = row["person"] if newest[row["person"]] == row["machine"] else ""
        for at in (row["first"], row["last"]):
            _note(row, at, odd)
    owner = team.pages["demo-owner"]
    for person, called in CALLED.items():
        rename_machine(owner, Machine.objects.get(name=newest[person], member=team.members[person]), called)
    kept = Machine.objects.filter(token__in=[row["token_id"] for row in rows]).order_by("last_event_at")
    silent = next((machine for machine in kept.select_related("token", "member") if sharing_token(machine)), None)
    if silent is not None:
        refuse_machine(owner, silent)


def _note(row: dict[str, Any], at: datetime, odd: str) -> None:
    """Tell of a machine as its client does. odd: whose oddities it has."""
    waiting, seconds = BACKLOGS.get(odd, (0, 0))
    event = CapturedEvent(
        machine=row["machine"],
        agent=row["agent"],
        member_id=row["member_id"],
        token_id=row["token_id"],
        received_at=at,
        client={
            "version": settings.VERSION,
            "backlog": waiting,
            "backlog_seconds": seconds,
            "untrusted": UNTRUSTED.get(odd, []),
        },
    )
    note_machine([event])


class HandoffStories:
    """Leaves what sessions leave, dated when they ended."""

    def __init__(self, team: Team, calendar: Calendar) -> None:
        self.team = team
        self.calendar = calendar

    def leave(self, stories: dict[str, list[Planned]]) -> None:
        """All of them."""
        told = Notification.objects.aggregate(last=Max("pk"))["last"] or 0
        for left in LEFT:
            self._leave(left, stories[left.project][left.place])
        # Telling of an assigned one happens when it is left.
        for notice in Notification.objects.filter(pk__gt=told, kind="handoff"):
            handoff = Handoff.objects.get(assigned_to=notice.member_id, project=notice.project_id)
            Notification.objects.filter(pk=notice.pk).update(at=handoff.created_at, mail_due=False)

    def _leave(self, left: Left, story: Planned) -> None:
        taker = Run.objects.active().filter(project=self.team.projects[left.project]).first() if left.is_taken else None
        before = taker.started_at if taker else self.calendar.now
        ended = Run.objects.finished().filter(pk__in=story.run_ids).order_by("finished_at")
        run = ended.filter(finished_at__lt=before).last() or ended.first()
        assert run is not None, "a wish in progress has runs"
        handoff = self._automatic(left, story, run) if left.is_automatic else self._on_purpose(left, story, run)
        if left.cancelled:
            cancel(self.team.agents[story.worker], handoff, left.cancelled)
        if taker is not None:
            by = next(caller for caller in self.team.agents.values() if caller.token_id == taker.token_id)
            accept(by, handoff, session_id=taker.session_id, agent=taker.agent)
            Handoff.objects.filter(pk=handoff.pk).update(accepted_at=taker.started_at)
        ended_at = min(run.finished_at or before, before - timedelta(minutes=5))
        Handoff.objects.filter(pk=handoff.pk).update(created_at=ended_at)

    def _on_purpose(self, left: Left, story: Planned, run: Run) -> Handoff:
        return begin(
            self.team.agents[story.worker],
            self.team.projects[left.project],
            f"{story.wish.title}: {left.state[0].lower()}{left.state[1:]}",
            open_questions=left.questions,
            next_steps=left.steps,
            files_touched=run.files_modified,
            session_id=run.session_id,
            assign_to=left.assigned_to,
        )

    def _automatic(self, left: Left, story: Planned, run: Run) -> Handoff:
        at = (run.finished_at or self.calendar.now).isoformat()
        steps = "\n".join(f"- {step}" for step in left.steps)
        digest = Digest(
            prompt_count=2,
            tool_count=17,
            prompts=[[at, f"Take the next requirement: {story.wish.title}"], [at, "Go on with the second criterion"]],
            tools={"Bash": 8, "Edit": 6, "Read": 3},
            files=list(run.files_modified),
            last_words=[at, f"{left.state} {' '.join(left.questions)}\n\nNext steps:\n{steps}"],
            answered=at,
        )
        return leave_automatic(run, digest)
