"""The three people that every test of a door asks: an owner, a collaborator of one project, and a stranger to it."""

from dataclasses import dataclass

import pytest

from access.callers import Caller, caller_for_token
from access.models import Member, Membership, Project, RoleToken
from access.roles import Role
from access.tokens import make_token


@pytest.fixture(autouse=True)
def quick_passwords(settings) -> None:
    """Django's advice for tests: the real hasher is slow by design, and every test makes people."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@dataclass(frozen=True)
class Person:
    """Somebody who logs in, with the caller they are and a token of the same role and scope."""

    member: Member
    caller: Caller
    token: RoleToken
    secret: str

    @property
    def authorization(self) -> dict[str, str]:
        """Headers for the agents' doors."""
        return {"HTTP_AUTHORIZATION": f"Bearer {self.secret}"}


@pytest.fixture
def app(db) -> Project:
    """The project that the collaborator works in."""
    return Project.objects.create(name="app")


@pytest.fixture
def secret_project(db) -> Project:
    """The project that only the stranger (and the owner) sees."""
    return Project.objects.create(name="skunkworks")


def make_person(username: str, role: Role, *projects: Project, all_projects: bool = False) -> Person:
    """A member with a token of the same role and scope."""
    member = Member.objects.create_user(
        username, f"{username}@example.com", "correct horse battery", role=role, all_projects=all_projects
    )
    Membership.objects.bulk_create([Membership(member=member, project=project) for project in projects])
    operator = Caller(name="tests", role=Role.OWNER, project_ids=None)
    names = None if all_projects else [project.name for project in projects]
    new = make_token(operator, username, role, project_names=names, member=member)
    return Person(member, caller_for_token(new.row), new.row, new.secret)


@pytest.fixture
def owner(db) -> Person:
    """Sees and may do everything."""
    return make_person("olga", Role.OWNER, all_projects=True)


@pytest.fixture
def collaborator(app) -> Person:
    """Reads and writes in the project `app` only."""
    return make_person("carl", Role.COLLABORATOR, app)


@pytest.fixture
def stranger(secret_project) -> Person:
    """An admin, but of another project: nothing of `app` may ever reach them."""
    return make_person("sven", Role.ADMIN, secret_project)
