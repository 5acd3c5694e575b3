"""Who sees what a run cost."""

from runs.recording import log_run
from runs.visibility import may_see_cost, may_see_costs, may_see_people
from tests.conftest import make_person


def test_sums_need_a_collaborator_and_people_an_admin(owner, collaborator, stranger, app):
    guest = make_person("gwen", "guest", app)
    people = (owner, stranger, collaborator, guest)
    assert [may_see_costs(person.caller) for person in people] == [True, True, True, False]
    assert [may_see_people(person.caller) for person in people] == [True, True, False, False]


def test_a_run_is_its_own_persons_and_an_admins(owner, collaborator, app):
    run = log_run(collaborator.caller, app)
    colleague = make_person("cora", "collaborator", app)
    guest = make_person("gwen", "guest", app)
    seen = {
        person.member.username: may_see_cost(person.caller, run) for person in (owner, collaborator, colleague, guest)
    }
    assert seen == {"olga": True, "carl": True, "cora": False, "gwen": False}
