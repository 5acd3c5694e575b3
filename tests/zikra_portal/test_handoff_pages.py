"""The pages of handoffs and proposals: who sees which, what their buttons do, and what they cost the database."""

import re
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from access.members import members_seeing
from access.models import AuditEntry, Member, Notification, Project
from access.roles import Role
from memories.models import Memory, SessionProposal
from runs.handoffs import accept, begin, cancel, claim
from runs.models import Handoff
from tests.conftest import make_person
from zikra_portal.tables import ROWS_A_PAGE
from zikra_portal.templatetags.handoffs import headline

pytestmark = pytest.mark.django_db
HANDOFFS, PROPOSALS = "/handoffs/", "/proposals/"


@pytest.fixture
def guest(app):
    return make_person("gus", Role.GUEST, app)


@pytest.fixture
def handoff(collaborator, app):
    return begin(
        collaborator.caller, app, "The **export** works. <script>alert(1)</script>", agent="claude-code",
        open_questions=["Is a header wanted?"], next_steps=["Write the test"], files_touched=["exports/rows.py"],
    )  # fmt: skip


@pytest.fixture
def proposal(app):
    return SessionProposal.objects.create(
        project=app, run_id=uuid.uuid4(), kind="decision", title="Rows are streamed", content_md="For **memory**.",
        written_by="a model",
    )  # fmt: skip


def body(answer):
    return " ".join(answer.content.decode().split())


def deed(name, row):
    return reverse(name, args=[row.pk])


def test_the_pages_stand_behind_the_login(client, handoff):
    for address, page in (HANDOFFS, HANDOFFS), (PROPOSALS, PROPOSALS), (deed("handoff-accept", handoff), HANDOFFS):
        assert client.get(address)["Location"] == f"/accounts/login/?next={page}"


def test_each_sees_the_handoffs_and_proposals_of_their_scope(
    client, owner, collaborator, stranger, guest, handoff, proposal, secret_project
):
    hidden = begin(owner.caller, secret_project, "Out of sight.")
    seen = {}
    for person in (owner, collaborator, stranger, guest):
        client.force_login(person.member)
        page, proposals = client.get(HANDOFFS), client.get(PROPOSALS)
        seen[person.member.username] = (
            {row for row, _ in page.context["rows"]},
            list(proposals.context["page"]),
            ["/assign/" in body(page), "/reject/" in body(proposals)],
            [client.get(HANDOFFS, {"project": name}).status_code for name in ("app", "skunkworks")],
        )
    assert seen == {
        "olga": ({handoff, hidden}, [proposal], [True, True], [200, 200]),
        "carl": ({handoff}, [proposal], [True, True], [200, 404]),
        "sven": ({hidden}, [], [True, False], [404, 200]),
        "gus": ({handoff}, [proposal], [False, False], [200, 404]),
    }


def test_a_handoff_tells_what_was_left_as_text(client, collaborator, handoff):
    client.force_login(collaborator.member)
    page = body(client.get(HANDOFFS))
    for words in (
        "<strong>export</strong>", "&lt;script&gt;alert(1)&lt;/script&gt;", "Is a header wanted?", "Write the test",
        "exports/rows.py", "Claude Code", "left on purpose",
    ):  # fmt: skip
        assert words in page
    assert "<script>alert" not in page


def test_states_stand_apart(client, collaborator, app):
    made = [begin(collaborator.caller, app, f"Number {number}.") for number in range(3)]
    accept(collaborator.caller, made[0])
    cancel(collaborator.caller, made[1], "Done by hand.")
    client.force_login(collaborator.member)
    shown = {}
    for state in ("open", "accepted", "expired", "no-such"):
        page = client.get(HANDOFFS, {"state": state})
        shown[state] = ([row.summary for row, _ in page.context["rows"]], [tab[2] for tab in page.context["tabs"]])
    counts = [1, 1, 1, 0]
    assert shown == {
        "open": (["Number 2."], counts),
        "accepted": (["Number 0."], counts),
        "expired": (["Number 1."], counts),
        "no-such": (["Number 2."], counts),
    }
    assert "Cancelled by carl: Done by hand." in body(client.get(HANDOFFS, {"state": "expired"}))


def test_guests_and_strangers_change_nothing(client, stranger, guest, handoff, proposal):
    doors = [
        *(deed(name, handoff) for name in ("handoff-accept", "handoff-cancel", "handoff-assign")),
        *(deed(name, proposal) for name in ("proposal-accept", "proposal-reject")),
    ]
    for person, status in ((stranger, 404), (guest, 302)):
        client.force_login(person.member)
        assert [client.post(address, {"to": "carl"}).status_code for address in doors] == [status] * len(doors)
    handoff.refresh_from_db()
    proposal.refresh_from_db()
    assert (handoff.state, handoff.assigned_to, proposal.state) == ("open", None, "pending")
    refused = AuditEntry.objects.filter(caller="gus").order_by("id").values_list("command", "outcome", "status")
    assert list(refused) == [
        (name, "refused", 403)
        for name in ("handoff_accept", "handoff_cancel", "handoff_assign", "accept_proposal", "reject_proposal")
    ]


def test_accepting_takes_it_from_every_session(client, owner, collaborator, handoff):
    client.force_login(collaborator.member)
    assert "The handoff is yours" in body(client.post(deed("handoff-accept", handoff), follow=True))
    client.force_login(owner.member)
    assert "carl accepted this handoff already." in body(client.post(deed("handoff-accept", handoff), follow=True))
    handoff.refresh_from_db()
    assert (handoff.state, handoff.accepted_member) == ("accepted", collaborator.member)


def undo_in(answer):
    return re.search(r'action="(/handoffs/[^"]+/reopen/[^"]+)"', body(answer))[1]


def test_accepting_and_cancelling_are_undone(client, collaborator, handoff):
    client.force_login(collaborator.member)
    for name in ("handoff-accept", "handoff-cancel"):
        undo = undo_in(client.post(deed(name, handoff), {"reason": "Done by hand."}, follow=True))
        assert Handoff.objects.get().state != "open"
        assert "The handoff waits for a session again." in body(client.post(undo, follow=True))
        free = Handoff.objects.get()
        assert (free.state, free.accepted_at, free.accepted_person, free.ended_reason) == ("open", None, "", "")
        assert "This handoff waits already." in body(client.post(undo, follow=True))
    deeds = AuditEntry.objects.filter(command="handoff_reopen").order_by("id").values_list("outcome", "object_id")
    assert list(deeds) == [("done", str(handoff.pk)), ("invalid", "")] * 2


def test_what_became_of_it_since_is_not_undone(client, owner, collaborator, app, handoff):
    client.force_login(collaborator.member)
    undo = undo_in(client.post(deed("handoff-accept", handoff), follow=True))
    client.post(undo)
    claim(owner.caller, app, session_id="n1", agent="codex")
    told = "A session of codex of olga has been given this handoff; that cannot be undone."
    assert told in body(client.post(undo, follow=True))
    Handoff.objects.update(accepted_session="", accepted_agent="")
    assert "olga accepted this handoff already." in body(client.post(undo, follow=True))
    Handoff.objects.update(
        state="expired", accepted_at=None, accepted_person="", ended_reason="Nobody took it in 30 days."
    )
    assert "This handoff is over: Nobody took it in 30 days." in body(client.post(undo, follow=True))
    assert Handoff.objects.get().state == "expired"


def test_an_automatic_one_stays_cancelled_where_a_newer_one_waits(client, collaborator, app):
    old, new = (Handoff(project=app, cwd="/srv", summary=word, is_automatic=True) for word in ("old", "new"))
    old.save()
    client.force_login(collaborator.member)
    undo = undo_in(client.post(deed("handoff-cancel", old), follow=True))
    new.save()
    assert "A newer session in the same directory has ended since" in body(client.post(undo, follow=True))
    assert dict(Handoff.objects.values_list("summary", "state")) == {"old": "expired", "new": "open"}


def test_an_undo_is_signed_for_one_handoff_and_a_day(client, owner, collaborator, stranger, guest, app, handoff):
    client.force_login(collaborator.member)
    other = begin(collaborator.caller, app, "Another")
    undo = undo_in(client.post(deed("handoff-cancel", handoff), follow=True))
    client.post(deed("handoff-cancel", other))
    assert client.get(undo).status_code == 405
    assert client.post(undo.replace(str(handoff.pk), str(other.pk))).status_code == 404
    assert client.post(f"{undo[:-3]}xyz/").status_code == 404
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        assert client.post(undo).status_code == 404
    for person, status in ((stranger, 404), (guest, 302)):
        client.force_login(person.member)
        assert client.post(undo).status_code == status
    handoff.refresh_from_db()
    assert handoff.state == "expired"
    client.force_login(owner.member)
    client.post(undo)
    assert dict(Handoff.objects.values_list("pk", "state")) == {handoff.pk: "open", other.pk: "expired"}


def test_assigning_tells_the_member_and_can_be_undone(client, owner, collaborator, handoff):
    client.force_login(collaborator.member)
    answer = client.post(deed("handoff-assign", handoff), {"to": "olga"}, follow=True)
    assert "Kept for olga." in body(answer)
    told = Notification.objects.get()
    assert (told.member, told.link) == (owner.member, f"/handoffs/#handoff-{handoff.pk}")
    assert "/accept/" not in body(answer)
    undo = f"{deed('handoff-assign', handoff)}?to="
    assert f'action="{undo}"' in body(answer)
    assert "Left to everybody's next session." in body(client.post(undo, follow=True)).replace("&#x27;", "'")
    handoff.refresh_from_db()
    assert handoff.assigned_to is None
    problem = body(client.post(deed("handoff-assign", handoff), {"to": "sven"}, follow=True))
    assert "no member" in problem
    deeds = AuditEntry.objects.filter(command="handoff_assign").order_by("id").values_list("outcome", flat=True)
    assert list(deeds) == ["done", "done", "invalid"]


def test_members_offered_are_those_who_see_the_project_and_may_write(owner, collaborator, stranger, guest, app):
    make_person("ada", Role.ADMIN, all_projects=True)
    gone = make_person("gone", Role.COLLABORATOR, app).member
    Member.objects.filter(pk=gone.pk).update(is_active=False)
    other = Project.objects.create(name="other")
    seen = {key: [member.username for member in found] for key, found in members_seeing([app.pk, other.pk]).items()}
    assert seen == {app.pk: ["ada", "carl", "olga"], other.pk: ["ada", "olga"]}


def test_accepting_a_proposal_keeps_a_memory_and_rejecting_none(client, collaborator, app, proposal):
    client.force_login(collaborator.member)
    assert "Kept “Rows are streamed”." in body(client.post(deed("proposal-accept", proposal), follow=True))
    kept = Memory.objects.get()
    assert (kept.memory_type_id, kept.title, kept.content_md) == ("decision", "Rows are streamed", "For **memory**.")
    assert "already" in body(client.post(deed("proposal-reject", proposal), follow=True))
    second = SessionProposal.objects.create(project=app, run_id=uuid.uuid4(), kind="error", title="No", content_md="x")
    assert "Rejected “No”." in body(client.post(deed("proposal-reject", second), follow=True))
    assert Memory.objects.count() == 1


def test_the_pages_cost_the_same_with_few_and_many_rows(client, collaborator, app, django_assert_num_queries):
    client.force_login(collaborator.member)

    def fill(count):
        Handoff.objects.bulk_create([Handoff(project=app, summary="x", from_person="carl") for _ in range(count)])
        SessionProposal.objects.bulk_create(
            [
                SessionProposal(project=app, run_id=uuid.uuid4(), kind="error", title="t", content_md="c")
                for _ in range(count)
            ]
        )

    for count in (3, ROWS_A_PAGE + 10):
        fill(count)
        with django_assert_num_queries(13):
            client.get(HANDOFFS)
        with django_assert_num_queries(11):
            client.get(PROPOSALS)


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        ("Asked:\n- stream the rows\n\nUsed: Bash (1)", "stream the rows"), ("The export works.", "The export works."),
        ("\n\n# Done\nmore", "Done"), ("Asked:", "Asked:"),
    ],
)  # fmt: skip
def test_a_handoff_is_called_by_what_was_asked(summary, words):
    assert headline(summary) == words
