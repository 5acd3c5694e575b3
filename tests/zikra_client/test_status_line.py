"""The status line: what the cache knows in words, renewed by the portal's answers, and never waiting for them."""

import json
import time
from decimal import Decimal

import pytest

from access.roles import Role
from memories.saving import save_memory
from requirements_pipeline.writing import save_requirement
from runs.recording import log_run, start_run
from tests.conftest import make_person
from zikra_client import places
from zikra_client.status_line import line, renew

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connect(client_home, live_server):
    """Keeps a person's token, as the installer does."""

    def connected(person):
        settings = {"server": live_server.url, "project": "app"}
        places.write_private(places.path_of("config.json"), json.dumps(settings))
        places.write_private(places.path_of("token"), person.secret)

    return connected


def keep(**known):
    places.write_private(places.path_of("status", "app.json"), json.dumps({"at": time.time(), **known}))


def test_each_part_has_its_word_and_what_is_unknown_is_left_out(connect, collaborator):
    connect(collaborator)
    keep(memories=1, requirements=1, runs=0, cost="$0.40")
    told = {"cwd": "/somewhere", "context_window": {"used_percentage": 41.6}}
    assert line(told) == "app · 1 memory · 1 open requirement · 0 running · $0.40 today · 42% context"
    keep(memories=1200, requirements=None, runs=2)
    assert line({"workspace": {"current_dir": "/somewhere"}}) == "app · 1200 memories · 2 running"
    keep()
    assert line({"context_window": "none"}) == "app"


def test_the_portal_tells_each_what_they_may_see(connect, owner, collaborator, app, secret_project):
    save_memory(collaborator.caller, app, "decision", "Tokens are signed", content_md="With RS256.")
    save_memory(owner.caller, secret_project, "decision", "Skunks", content_md="Nobody's business.")
    save_requirement(collaborator.caller, app, "Round refunds")
    start_run(collaborator.caller, app, session_id="now")
    log_run(collaborator.caller, app, session_id="before", cost_usd=Decimal("1.50"))
    seen = {}
    for person in (owner, collaborator, make_person("gus", Role.GUEST, app)):
        connect(person)
        known = renew("app")
        assert known == places.read_json(places.path_of("status", "app.json"))
        seen[person.member.username] = [known.get(name) for name in ("memories", "requirements", "runs", "cost")]
    assert seen == {"olga": [1, 1, 1, "$1.50"], "carl": [1, 1, 1, "$1.50"], "gus": [1, 1, 1, None]}


def test_a_stranger_to_the_project_is_told_nothing_of_it(connect, stranger, app):
    connect(stranger)
    renew("app")
    assert line({}) == "app"
