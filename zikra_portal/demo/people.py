"""The demo's projects, members and tokens."""

from dataclasses import dataclass, field
from datetime import timedelta

from access.callers import Caller, caller_for_member, caller_for_token, system_caller
from access.members import make_member
from access.models import Member, Project, RoleToken
from access.projects import new_project
from access.roles import Role
from access.tokens import make_token, revoke_token
from zikra_portal.demo.material import PROJECTS
from zikra_portal.demo.times import DAYS, Calendar
from zikra_portal.demo.wishes import PEOPLE

# Who writes what no person of the demo writes; also the mark of the demo's tokens that belong to nobody.
DEMO = "demo"
CI_LABEL = "demo-ci, build machine"


@dataclass
class Team:
    """Who takes part: projects by name, members by username, and how each calls at a page and with a token."""

    projects: dict[str, Project] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    pages: dict[str, Caller] = field(default_factory=dict)
    agents: dict[str, Caller] = field(default_factory=dict)

    def working_in(self, project: str) -> list[str]:
        """Usernames of those who write in a project, without the owner, in their order."""
        return [
            name
            for name, role, projects, _ in PEOPLE
            if role in (Role.ADMIN, Role.COLLABORATOR) and project in projects
        ]


def make_team(password: str, calendar: Calendar) -> Team:
    """Projects, members with this password, and their tokens, whose texts nobody gets to see."""
    team = Team()
    demo = system_caller(DEMO, "console")
    begun = calendar.now - timedelta(days=DAYS + 50)
    for project in PROJECTS:
        team.projects[project.name] = new_project(demo, project.name, project.description)
    for username, role, projects, _ in PEOPLE:
        member = make_member(demo, username, Role(role), password=password, project_names=projects)
        token = make_token(
            demo,
            f"{username}, laptop",
            Role(role),
            project_names=projects or [project.name for project in PROJECTS],
            member=member,
        ).row
        team.members[username] = member
        team.pages[username] = caller_for_member(member)
        team.agents[username] = caller_for_token(token)
    ci = make_token(demo, CI_LABEL, Role.COLLABORATOR, project_names=["demo-platform", "demo-shop"]).row
    team.agents["demo-ci"] = caller_for_token(ci)
    _make_odd_tokens(team, demo, calendar)
    Project.objects.filter(pk__in=[row.pk for row in team.projects.values()]).update(is_demo=True, created_at=begun)
    Member.objects.filter(pk__in=[row.pk for row in team.members.values()]).update(is_demo=True, date_joined=begun)
    _date_tokens(calendar)
    return team


def _make_odd_tokens(team: Team, demo: Caller, calendar: Calendar) -> None:
    """One that was revoked, one that has run out, one that soon will."""
    lost = make_token(
        demo,
        "demo-frontend, old laptop",
        Role.COLLABORATOR,
        project_names=["demo-shop"],
        member=team.members["demo-frontend"],
    ).row
    revoke_token(demo, lost)
    for label, days in (("demo trial of an assistant", -4), ("demo guest terminal", 3)):
        row = make_token(demo, label, Role.GUEST, project_names=["demo-shop"]).row
        RoleToken.objects.filter(pk=row.pk).update(expires_at=calendar.now + timedelta(days=days))


def _date_tokens(calendar: Calendar) -> None:
    for token in RoleToken.objects.filter(created_by=DEMO).order_by("label"):
        token.created_at = calendar.day(DAYS + 20)
        if token.state == "active":
            token.hits = calendar.chance.randrange(40, 4000)
            token.last_used_at = calendar.past(calendar.now - timedelta(minutes=calendar.chance.randrange(4, 900)))
        RoleToken.objects.filter(pk=token.pk).update(
            created_at=token.created_at, hits=token.hits, last_used_at=token.last_used_at
        )
