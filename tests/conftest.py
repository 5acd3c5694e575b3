"""The three people that every test of a door asks: an owner, a collaborator of one project, and a stranger to it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import connection
from django.utils import timezone

from access.callers import Caller, caller_for_token
from access.models import Member, Membership, Project, RoleToken
from access.roles import Role
from access.tokens import hash_secret, new_secret
from memories.embedding.spaces import background_of
from memories.models import EmbeddingSpace
from tests.clean_database import FirstRows, first_rows_after_each_test
from tests.migrated_database import drop_migrated, migrated_once
from zikra_portal.garbage import collect_seldom

# Whose tests wait longest, for processes, a browser or many examples: begun last, one of them would end alone. Those of
# processes come first, since most need no database of the run: they fill the time in which it is migrated.
LONGEST_FIRST = ("processes", "agents", "browser", "long", "hypothesis")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with the longest tests first; `--no-loadscope-reorder` has pytest-xdist hand them out so."""
    rank: dict[object, int] = {}
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        own = next((place for place, name in enumerate(LONGEST_FIRST) if name in marks), len(LONGEST_FIRST))
        rank[item.path] = min(own, rank.get(item.path, own))
    items.sort(key=lambda item: rank[item.path])


def pytest_collection_finish() -> None:
    """As in the portal's own processes; else the collector takes a tenth of Python's time."""
    collect_seldom()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request, django_db_modify_db_settings, django_db_blocker) -> Iterator[None]:
    """Where several processes share a run, each copies the database that the first of them migrates."""
    run = getattr(request.config, "workerinput", {}).get("testrunuid")
    if run is None:
        yield
        return
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = template = migrated_once(run[:12])
    yield
    with django_db_blocker.unblock():
        drop_migrated(template)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> Iterator[FirstRows]:
    """A database as it was migrated; every test that commits leaves it so."""
    with django_db_blocker.unblock():
        # What a portal measures once, at its first search; there is no space without an embedder.
        if (space := EmbeddingSpace.objects.answering()) is not None:
            background_of(space)
        rows = FirstRows()
    with first_rows_after_each_test(rows):
        yield rows


@pytest.fixture(autouse=True)
def quick_passwords(settings) -> None:
    """Django's advice for tests: the real hasher is slow by design, and every test makes people."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def static_files_where_asked_for(settings) -> None:
    """Each client of a test builds the middlewares anew, and else looks through all static files for it."""
    settings.WHITENOISE_AUTOREFRESH = True


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
    member = Member(username=username, email=f"{username}@example.com", role=role, all_projects=all_projects)
    member.set_password("correct horse battery")
    secret = new_secret()
    token = RoleToken(
        label=username, role=role, member=member, created_by="tests", all_projects=all_projects,
        prefix=secret.split("_")[1], digest=hash_secret(secret),
    )  # fmt: skip
    # In bulk, which makes no history: most tests make three people, and none looks at how they came to be.
    Member.objects.bulk_create([member])
    RoleToken.objects.bulk_create([token])
    Membership.objects.bulk_create([Membership(member=member, project=project) for project in projects])
    scope = RoleToken.projects.through
    scope.objects.bulk_create([scope(roletoken=token, project=project) for project in projects])
    return Person(member, caller_for_token(token), token, secret)


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


@pytest.fixture
def within_one_minute(time_machine) -> None:
    """The clock stands, for rates are counted by its minutes: none ends between two calls of a test."""
    time_machine.move_to(timezone.now(), tick=False)
