"""The board of requirements and its list: who sees and may move what, refusals in words, and what a page costs."""

import re
import uuid
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from access.models import AuditEntry, Notification
from access.roles import Role
from memories.models import Memory
from requirements_pipeline.commenting import add_comment
from requirements_pipeline.criteria import check_criterion
from requirements_pipeline.models import UNRANKED, Requirement, RequirementMove, RequirementState
from requirements_pipeline.moves import move_requirement, possible_moves, promote_requirement
from requirements_pipeline.ordering import reorder
from requirements_pipeline.pulling import pull_requirement
from requirements_pipeline.states import MOVES
from requirements_pipeline.writing import edit_requirement, save_requirement
from tests.conftest import make_person
from zikra_portal.templatetags.deeds import undo_path

BOARD = "/requirements/"
HTMX = {"hx-request": "true"}


@pytest.fixture
def wanted(collaborator, app) -> Requirement:
    return save_requirement(collaborator.caller, app, "Export invoices", acceptance=["One", "Two"], priority=1)


def body(answer) -> str:
    return " ".join(answer.content.decode().split())


def words_of(html: str) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def address(requirement: Requirement) -> str:
    return f"/requirements/{requirement.pk}/move/"


def undos(answer) -> list[str]:
    """The paths of the messages' undos."""
    return [path for message in answer.context["messages"] if (path := undo_path(message))]


def undo(client, answer):
    (path,) = undos(answer)
    return client.post(path, follow=True)


def state_of(requirement: Requirement) -> str:
    return Requirement.objects.get(pk=requirement.pk).state


def move(client, requirement, to, **told):
    return client.post(address(requirement), {"to": to, **told}, follow=True)


def buttons(html: str) -> list[str]:
    """The values of the buttons that move, in their order."""
    return re.findall(r'name="to" value="([^"]*)"', html)


# --- who sees what ---------------------------------------------------------------------------------------------------


def test_everybody_sees_the_requirements_of_their_projects(client, owner, collaborator, stranger, app, wanted):
    guest = make_person("gus", Role.GUEST, app)
    seen = {}
    for person in (owner, collaborator, stranger, guest):
        client.force_login(person.member)
        seen[person.member.username] = [
            "Export invoices" in body(client.get(BOARD, words, headers=headers))
            for words, headers in (({}, {}), ({}, HTMX), ({"view": "list"}, {}))
        ]
    assert seen == {"olga": [True] * 3, "carl": [True] * 3, "sven": [False] * 3, "gus": [True] * 3}
    client.logout()
    assert client.get(BOARD).status_code == 302


def test_a_project_out_of_sight_is_not_found(client, owner, collaborator, stranger, wanted, secret_project):
    found = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        found[person.member.username] = [
            client.get(BOARD, {"project": name, "view": view}).status_code
            for name in ("app", "skunkworks", "nowhere")
            for view in ("", "list")
        ]
    assert found == {
        "olga": [200] * 4 + [404] * 2,
        "carl": [200, 200] + [404] * 4,
        "sven": [404, 404, 200, 200, 404, 404],
    }


@pytest.mark.parametrize("role", Role)
def test_cards_have_exactly_the_buttons_of_the_moves_that_the_role_may_make(client, owner, app, role):
    person = make_person("rob", role, app)
    for state in RequirementState:
        Requirement.objects.create(project=app, title=state.label, state=state)
    client.force_login(person.member)
    page = client.get(BOARD, headers=HTMX).content.decode()
    shown = {}
    for card in page.split('<li class="card"')[1:]:
        row = Requirement.objects.get(pk=card.partition('data-card="')[2].partition('"')[0])
        shown[row.state] = [value for value in buttons(card) if not value.startswith("promoted-")]
    assert shown == {
        state: [target for target, needed in targets.items() if role.includes(needed)]
        for state, targets in MOVES.items()
    }
    assert ("promoted-prompt" in page, "promoted-decision" in page) == (role is Role.OWNER,) * 2


def test_a_card_tells_what_matters(client, owner, collaborator, app, wanted):
    save_requirement(collaborator.caller, app, "Streams", state="draft")
    save_requirement(
        collaborator.caller, app, "Export invoices", module="billing", assignee="carl", depends_on=["Streams"],
        due_on=timezone.localdate() - timedelta(days=1),
    )  # fmt: skip
    add_comment(owner.caller, wanted, "Which columns, @carl?")
    client.force_login(collaborator.member)
    card = client.get(BOARD, headers=HTMX).content.decode().split('<li class="card"')[2]
    told = words_of("<" + card.partition("<form")[0])
    for words in (
        "Export invoices",
        "Urgent",
        "overdue, ",
        "waits for 1",
        "0/2 met",
        "1 new comment",
        "app",
        "billing",
        "for carl",
    ):
        assert words in told
    Notification.objects.update(read_at=timezone.now())
    assert "new comment" not in body(client.get(BOARD, headers=HTMX))
    assert " app " not in words_of(
        client.get(BOARD, {"project": "app"}, headers=HTMX).content.decode().partition("<form")[0]
    )


def test_a_card_tells_who_works_on_it_and_for_how_long(client, owner, collaborator, app, wanted):
    promote_requirement(owner.caller, wanted)
    pull_requirement(collaborator.caller, runner="codex@box")
    Requirement.objects.update(claimed_at=timezone.now() - timedelta(hours=3, minutes=5, seconds=1))
    client.force_login(owner.member)
    assert "codex@box works on it, 3 h 05 min" in words_of(client.get(BOARD).content.decode())


def test_an_empty_board_says_what_would_be_here(client, collaborator, app):
    guest = make_person("gus", Role.GUEST, app)
    seen = {}
    for person in (collaborator, guest):
        client.force_login(person.member)
        for view in ("", "list"):
            page = words_of(body(client.get(BOARD, {"view": view, "project": "app"})))
            seen[person.member.username, view] = ("No requirement in app yet" in page, "Your role reads only" in page)
        assert "No requirement is like that" in body(client.get(BOARD, {"q": "x"}))
        assert "No requirement is like that" in body(client.get(BOARD, {"q": "x", "view": "list"}))
    assert seen == {
        ("carl", ""): (True, False),
        ("carl", "list"): (True, False),
        ("gus", ""): (True, True),
        ("gus", "list"): (True, True),
    }


def test_a_poll_that_has_seen_the_same_gets_the_moment_only(client, owner, collaborator, app, wanted):
    client.force_login(collaborator.member)
    save_requirement(collaborator.caller, app, "Streams", state="draft")

    def polled():
        nonlocal stamp
        answer = client.get(BOARD, headers={**HTMX, "board-stamp": stamp})
        told = re.search(r'data-stamp="(\w+)"', body(answer))
        stamp = told.group(1) if told else stamp
        return told is not None

    stamp = ""
    assert [polled(), polled()] == [True, False]
    answer = client.get(BOARD, headers={**HTMX, "board-stamp": stamp})
    assert (answer.headers["HX-Reswap"], 'id="board-moment" hx-swap-oob="innerHTML"' in body(answer)) == ("none", True)
    changes = [
        lambda: save_requirement(collaborator.caller, app, "Export invoices", priority=2),
        lambda: save_requirement(collaborator.caller, app, "Export invoices", depends_on=["Streams"]),
        lambda: check_criterion(collaborator.caller, wanted, 1, True),
        lambda: add_comment(owner.caller, wanted, "Well?"),
        lambda: promote_requirement(owner.caller, wanted),
        lambda: save_requirement(collaborator.caller, app, "Third"),
    ]
    for change in changes:
        change()
        assert [polled(), polled()] == [True, False]
    client.post(address(wanted), {"to": "nonsense"})
    assert [polled(), polled()] == [True, False]


# --- moving ----------------------------------------------------------------------------------------------------------


def test_an_owner_promotes_and_takes_it_back(client, owner, wanted):
    client.force_login(owner.member)
    answer = move(client, wanted, "promoted", next=f"{BOARD}?project=app")
    assert answer.redirect_chain == [(f"{BOARD}?project=app", 302)]
    assert "“Export invoices” is promoted now." in body(answer)
    assert "“Export invoices” is submitted again." in body(undo(client, answer))
    assert list(RequirementMove.objects.values_list("from_state", "to_state", "reason", "by")) == [
        ("submitted", "promoted", "", "olga"),
        ("promoted", "submitted", "Undone.", "olga"),
    ]
    assert list(
        AuditEntry.objects.order_by("id").values_list("command", "door", "object_title", "outcome", "detail")
    ) == [
        ("promote_requirement", "page", "Export invoices", "done", ""),
        ("move_requirement", "page", "Export invoices", "done", "Undone."),
    ]


@pytest.mark.parametrize("kind", ["prompt", "decision"])
def test_promoting_can_make_a_memory_too(client, owner, wanted, kind):
    client.force_login(owner.member)
    answer = move(client, wanted, f"promoted-{kind}")
    assert f"“Export invoices” is promoted now, and also a {kind}." in body(answer)
    assert undos(answer) == []
    assert list(Memory.objects.values_list("title", "memory_type__name")) == [("Export invoices", kind)]


def test_a_move_that_needs_a_reason_asks_for_it_on_a_page_of_its_own(client, owner, wanted):
    client.force_login(owner.member)
    asked = client.post(address(wanted), {"to": "rejected", "next": f"{BOARD}?q=x"})
    assert (asked.status_code, state_of(wanted), AuditEntry.objects.count()) == (200, "submitted", 0)
    for piece in (
        '<label for="reason">Why?</label>',
        'name="to" value="rejected"',
        f'name="next" value="{BOARD}?q=x"',
        f'href="{BOARD}?q=x"',
    ):
        assert piece in body(asked)
    empty = client.post(address(wanted), {"to": "rejected", "reason": "  "})
    assert (empty.status_code, "Say why it moves" in body(empty), state_of(wanted)) == (400, True, "submitted")
    done = move(client, wanted, "rejected", reason="Nobody needs it.")
    assert "“Export invoices” is rejected now." in body(done)
    assert RequirementMove.objects.get().reason == "Nobody needs it."


def test_htmx_gets_the_question_for_its_dialog_and_the_board_with_the_words(client, owner, wanted):
    client.force_login(owner.member)
    asked = client.post(address(wanted), {"to": "on_hold", "next": BOARD}, headers=HTMX)
    assert (asked.headers["HX-Retarget"], asked.headers["HX-Reswap"]) == ("#move-dialog", "innerHTML")
    assert b"<html" not in asked.content
    done = client.post(address(wanted), {"to": "on_hold", "reason": "Later.", "next": BOARD}, headers=HTMX, follow=True)
    assert (
        "requirements/board_now.html" in {template.name for template in done.templates},
        b"<html" in done.content,
    ) == (True, False)
    assert '<div id="board-messages" hx-swap-oob="innerHTML">' in body(done)
    assert "“Export invoices” is on hold now." in body(done)
    assert "board-messages" not in body(client.get(BOARD, headers=HTMX))


@pytest.mark.parametrize(
    ("who", "to", "words", "audited"),
    [
        ("carl", "promoted", "Your role does not allow this; it needs the role owner.", ("refused", 403)),
        ("carl", "rejected", "Your role does not allow this; it needs the role owner.", ("refused", 403)),
        (
            "olga",
            "done",
            "The requirement &#x27;Export invoices&#x27; is submitted and cannot become done.",
            ("invalid", 409),
        ),
        ("olga", "submitted", "is already submitted.", ("invalid", 409)),
        ("olga", "nonsense", "There is no state &#x27;nonsense&#x27;.", ("invalid", 400)),
        ("olga", "", "There is no state", ("invalid", 400)),
    ],
)
def test_a_refused_move_says_so_in_words_and_changes_nothing(
    client, owner, collaborator, wanted, who, to, words, audited
):
    client.force_login({"olga": owner, "carl": collaborator}[who].member)
    answer = move(client, wanted, to)
    assert words in body(answer)
    assert 'class="note note-deed note-bad"' in body(answer)
    assert state_of(wanted) == "submitted"
    assert AuditEntry.objects.values_list("outcome", "status").get() == audited


def test_nobody_moves_what_is_out_of_sight_and_nobody_at_all_by_a_get(client, owner, stranger, wanted):
    client.force_login(stranger.member)
    assert client.post(address(wanted), {"to": "promoted"}).status_code == 404
    assert client.post(f"/requirements/{uuid.uuid4()}/move/", {"to": "promoted"}).status_code == 404
    client.force_login(owner.member)
    assert [client.get(f"{address(wanted)}?to=promoted").status_code for _ in range(1)] == [405]
    assert [client.get(f"{BOARD}{path}/").status_code for path in ("move", "reorder")] == [405, 405]
    assert state_of(wanted) == "submitted"


def test_an_undo_is_offered_only_where_the_role_may_go_back(client, owner, collaborator, app):
    draft = save_requirement(collaborator.caller, app, "Draft", state="draft")
    client.force_login(collaborator.member)
    assert len(undos(move(client, draft, "submitted"))) == 1
    promote_requirement(owner.caller, draft)
    # Back to promoted is a collaborator's, too.
    assert len(undos(move(client, draft, "in_progress"))) == 1
    assert len(undos(move(client, draft, "in_review"))) == 1
    admin = make_person("ada", Role.ADMIN, app)
    client.force_login(admin.member)
    answer = move(client, draft, "done")
    assert ("“Draft” is done now." in body(answer), undos(answer)) == (True, [])


def test_a_move_that_somebody_went_on_from_is_not_taken_back(client, owner, collaborator, stranger, wanted):
    client.force_login(owner.member)
    answer = move(client, wanted, "promoted")
    (path,) = undos(answer)
    for person in (collaborator, stranger):
        client.force_login(person.member)
        refused = body(client.post(path, follow=True))
        words = "it needs the role owner" if person is collaborator else "One of them is out of sight."
        assert (words in refused, state_of(wanted)) == (True, "promoted")
    client.force_login(owner.member)
    move_requirement(owner.caller, wanted, RequirementState.ON_HOLD, reason="Later.")
    assert "“Export invoices” was moved again since; that stands." in body(client.post(path, follow=True))
    move_requirement(owner.caller, wanted, RequirementState.PROMOTED)
    assert "was moved again since" in body(client.post(path, follow=True))
    assert state_of(wanted) == "promoted"
    assert client.post(f"{path.rstrip('/')}x/").status_code == 404


def test_one_comes_back_to_pages_of_the_portal_only(client, owner, wanted):
    client.force_login(owner.member)
    answer = client.post(address(wanted), {"to": "promoted", "next": "https://elsewhere.example/"})
    assert answer.headers["Location"] == BOARD


# --- order -----------------------------------------------------------------------------------------------------------


def column(state="submitted") -> list[str]:
    return list(
        Requirement.objects.filter(state=state)
        .order_by("priority", "rank", "-created_at")
        .values_list("title", flat=True)
    )


@pytest.fixture
def four(collaborator, app) -> dict[str, Requirement]:
    """In the order D, C, B, A: the newest first."""
    return {title: save_requirement(collaborator.caller, app, title) for title in "ABCD"}


def ranks():
    return dict(Requirement.objects.values_list("title", "rank"))


def place(client, first, how, second):
    return client.post("/requirements/reorder/", {"place": f"{first.pk} {how} {second.pk}"}, follow=True)


def test_an_owner_places_one_beside_another(client, owner, four):
    client.force_login(owner.member)
    assert "“A” comes before “C” now." in body(place(client, four["A"], "before", four["C"]))
    assert column() == ["D", "A", "C", "B"]
    place(client, four["D"], "after", four["C"])
    assert column() == ["A", "C", "D", "B"]
    place(client, four["B"], "before", four["A"])
    assert column() == ["B", "A", "C", "D"]
    assert list(AuditEntry.objects.order_by("id").values_list("command", "object_title", "detail"))[:2] == [
        ("reorder_requirements", "A", "before"),
        ("reorder_requirements", "D", "after"),
    ]


def test_up_and_down_are_drawn_for_owners_where_there_is_a_way(client, owner, collaborator, app, four):
    save_requirement(collaborator.caller, app, "Urgent", priority=1)
    client.force_login(owner.member)
    page = client.get(BOARD, headers=HTMX).content.decode()
    ids = {str(row.pk): title for title, row in four.items()}
    ways = [
        tuple(ids.get(word, word) for word in words.split())
        for words in re.findall(r'name="place" value="([^"]*)"', page)
    ]
    assert ways == [
        ("D", "after", "C"),
        ("C", "before", "D"),
        ("C", "after", "B"),
        ("B", "before", "C"),
        ("B", "after", "A"),
        ("A", "before", "B"),
    ]
    client.force_login(collaborator.member)
    page = client.get(BOARD, headers=HTMX).content.decode()
    assert ('name="place"' in page, "data-places" in page) == (False, False)


def test_a_place_that_cannot_be_is_refused_in_words(client, owner, collaborator, stranger, app, secret_project, four):
    urgent = save_requirement(collaborator.caller, app, "Urgent", priority=1)
    over = move_requirement(
        owner.caller, save_requirement(collaborator.caller, app, "Over"), RequirementState.REJECTED, reason="x"
    )
    client.force_login(owner.member)
    assert "one project and one priority" in body(place(client, four["A"], "before", urgent))
    assert "cannot stand beside itself" in body(place(client, four["A"], "before", four["A"]))
    assert "&#x27;Over&#x27; is rejected or has just changed" in body(place(client, four["A"], "after", over))
    for words in ("", "x before y", f"{four['A'].pk} over {four['B'].pk}"):
        assert "note-bad" in body(client.post("/requirements/reorder/", {"place": words}, follow=True))
    client.force_login(collaborator.member)
    assert "needs the role owner" in body(place(client, four["A"], "before", four["B"]))
    client.force_login(stranger.member)
    assert place(client, four["A"], "before", four["B"]).status_code == 404
    assert column() == ["Urgent", "D", "C", "B", "A"]


@pytest.mark.parametrize("placed", ["", "C", "BA", "DCBA"])
@pytest.mark.parametrize(("first", "how", "second"), [("A", "before", "C"), ("D", "after", "A"), ("B", "before", "D")])
def test_a_placement_is_taken_back_to_the_rank(client, owner, four, placed, first, how, second):
    reorder(owner.caller, [four[title].pk for title in placed])
    before = ranks(), column()
    client.force_login(owner.member)
    answer = place(client, four[first], how, four[second])
    assert (ranks(), column()) != before
    assert f"“{first}” is back in its place." in body(undo(client, answer))
    assert (ranks(), column()) == before


def test_an_order_that_others_changed_since_stands(client, owner, collaborator, stranger, app, four):
    client.force_login(owner.member)
    (path,) = undos(place(client, four["A"], "before", four["C"]))
    save_requirement(owner.caller, app, "New", priority=2)
    client.force_login(collaborator.member)
    assert "it needs the role owner" in body(client.post(path, follow=True))
    client.force_login(stranger.member)
    assert client.post(path).status_code == 404
    client.force_login(owner.member)
    place(client, four["B"], "before", four["A"])
    after = ranks()
    assert "The order around “A” was changed since; that stands." in body(client.post(path, follow=True))
    edit_requirement(owner.caller, four["A"], priority=5)
    assert "was changed since" in body(client.post(path, follow=True))
    assert ranks() == {**after, "A": UNRANKED}
    assert client.post(f"{path.rstrip('/')}x/").status_code == 404


def test_what_came_meanwhile_without_a_place_does_not_stop_an_undo(client, owner, app, four):
    client.force_login(owner.member)
    before = ranks()
    answer = place(client, four["A"], "before", four["C"])
    save_requirement(owner.caller, app, "New", priority=2)
    assert "“A” is back in its place." in body(undo(client, answer))
    assert ranks() == {**before, "New": UNRANKED}


def test_placing_keeps_the_others_where_they_are(client, owner, four):
    reorder(owner.caller, [four["A"].pk, four["B"].pk])
    client.force_login(owner.member)
    place(client, four["C"], "before", four["B"])
    assert column() == ["A", "C", "B", "D"]
    place(client, four["A"], "after", four["D"])
    assert column() == ["C", "B", "D", "A"]


# --- the list --------------------------------------------------------------------------------------------------------


def listed(client, **words) -> list[str]:
    return [row.title for row in client.get(BOARD, {"view": "list", **words}).context["page"]]


def test_the_list_is_sorted_and_filtered_by_its_address(client, owner, collaborator, app):
    save_requirement(collaborator.caller, app, "B", priority=1, module="m", due_on=timezone.localdate())
    save_requirement(collaborator.caller, app, "A", priority=2, assignee="carl", tags=["t"])
    save_requirement(collaborator.caller, app, "C", state="draft")
    client.force_login(owner.member)
    assert listed(client) == ["B", "A", "C"]
    assert [listed(client, sort=sort) for sort in ("title", "-title", "due", "-assignee")] == [
        ["A", "B", "C"],
        ["C", "B", "A"],
        ["B", *listed(client, sort="due")[1:]],
        ["A", *listed(client, sort="-assignee")[1:]],
    ]
    assert [
        listed(client, **words)
        for words in (
            {"status": "draft"},
            {"assignee": "carl"},
            {"assignee": "-"},
            {"tag": "t"},
            {"priority": "1"},
            {"q": "b"},
            {"due": "week"},
        )
    ] == [
        ["C"],
        ["A"],
        ["B", "C"],
        ["A"],
        ["B"],
        ["B"],
        ["B"],
    ]
    assert listed(client, priority="9", due="someday", status="weird", blocked="maybe") == ["B", "A", "C"]


def test_the_switch_keeps_the_filters_and_a_column_leads_to_its_rest(client, owner, app):
    Requirement.objects.bulk_create(Requirement(project=app, title=f"R{number}", module="m") for number in range(32))
    client.force_login(owner.member)
    page = body(client.get(BOARD, {"module": "m", "project": "app"}))
    assert 'href="/requirements/?module=m&amp;project=app&amp;view=list"' in page
    assert (
        'href="/requirements/?module=m&amp;project=app&amp;view=list&amp;status=submitted">12 more in the list</a>'
        in page
    )
    page = body(client.get(BOARD, {"module": "m", "project": "app", "view": "list", "sort": "title"}))
    assert '<a href="/requirements/?module=m&amp;project=app">Board</a>' in page
    assert '<option value="m" selected>m</option>' in page
    assert "1–32 of 32 requirements" in page


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", "\x00", "%", "'; --", "🦨", "x" * 3000])
def test_any_word_is_ordinary_input(client, collaborator, wanted, words):
    client.force_login(collaborator.member)
    for name in (
        "q",
        "assignee",
        "author",
        "module",
        "tag",
        "priority",
        "due",
        "blocked",
        "mine",
        "status",
        "page",
        "sort",
    ):
        for view in ("", "list"):
            answer = client.get(BOARD, {name: words, "view": view})
            assert answer.status_code == 200
            assert "<script>alert" not in answer.content.decode()


# --- several at once -------------------------------------------------------------------------------------------------


def move_many(client, rows, to, **told):
    return client.post("/requirements/move/", {"ids": [row.pk for row in rows], "to": to, **told}, follow=True)


def test_several_move_with_one_reason_each_on_its_own(client, owner, four):
    move_requirement(owner.caller, four["D"], RequirementState.REJECTED, reason="No.")
    client.force_login(owner.member)
    answer = move_many(client, four.values(), "on_hold", reason="Next quarter.", next=f"{BOARD}?view=list")
    assert answer.redirect_chain == [(f"{BOARD}?view=list", 302)]
    assert "3 requirements are on hold now." in body(answer)
    assert "1 stayed as it was: The requirement &#x27;D&#x27; is rejected and cannot become on hold." in body(answer)
    assert {title: state_of(row) for title, row in four.items()} == {
        "A": "on_hold",
        "B": "on_hold",
        "C": "on_hold",
        "D": "rejected",
    }
    assert sorted(AuditEntry.objects.values_list("command", "outcome", "detail", "object_title")) == sorted(
        [
            *(("move_requirement", "done", "Next quarter.", title) for title in "ABC"),
            ("move_requirement", "invalid", AuditEntry.objects.get(outcome="invalid").detail, ""),
        ]
    )
    answer = move_many(client, [four["A"]], "promoted")
    assert "1 requirement is promoted now." in body(answer)


def test_several_moves_are_taken_back_at_once_but_for_what_others_moved_since(client, owner, four):
    promote_requirement(owner.caller, four["A"])
    client.force_login(owner.member)
    answer = move_many(client, [four[title] for title in "ABC"], "on_hold", reason="Later.", next=f"{BOARD}?view=list")
    assert "3 requirements are on hold now." in body(answer)
    move_requirement(owner.caller, four["C"], RequirementState.REJECTED, reason="No.")
    (path,) = undos(answer)
    back = client.post(path, {"next": f"{BOARD}?view=list"}, follow=True)
    assert back.redirect_chain == [(f"{BOARD}?view=list", 302)]
    assert "2 requirements are back where they were." in body(back)
    assert "1 stayed as it was: “C” was moved again since; that stands." in body(back)
    assert {title: state_of(row) for title, row in four.items()} == {
        "A": "promoted",
        "B": "submitted",
        "C": "rejected",
        "D": "submitted",
    }
    assert list(RequirementMove.objects.filter(reason="Undone.").values_list("requirement__title", flat=True)) == [
        "A",
        "B",
    ]
    assert AuditEntry.objects.filter(command="move_requirement", detail="Undone.", outcome="done").count() == 2
    assert "3 stayed as they were" in body(client.post(path, follow=True))


def test_what_has_no_way_back_is_told_with_the_undo_of_the_rest(client, owner, collaborator, four):
    promote_requirement(owner.caller, four["A"])
    pull_requirement(collaborator.caller)
    client.force_login(owner.member)
    answer = move_many(client, [four["A"], four["B"]], "on_hold", reason="Later.")
    assert "2 requirements are on hold now. 1 of them can be taken back." in body(answer)
    assert "“B” is submitted again." in body(undo(client, answer))
    assert [state_of(four[title]) for title in "AB"] == ["on_hold", "submitted"]
    promote_requirement(owner.caller, four["C"])
    pull_requirement(collaborator.caller)
    assert undos(move_many(client, [four["C"]], "on_hold", reason="Later.")) == []


def test_a_whole_page_of_moves_is_taken_back(client, owner, app):
    rows = [save_requirement(owner.caller, app, f"R{number}") for number in range(50)]
    client.force_login(owner.member)
    answer = move_many(client, rows, "promoted")
    (path,) = undos(answer)
    assert len(path) < 1000
    assert "50 requirements are back where they were." in body(client.post(path, follow=True))
    assert set(Requirement.objects.values_list("state", flat=True)) == {"submitted"}


def test_several_are_refused_in_words(client, owner, collaborator, stranger, four):
    client.force_login(owner.member)
    assert "Choose 1 to 50 requirements" in body(move_many(client, [], "promoted"))
    assert "Choose 1 to 50 requirements" in body(move_many(client, [four["A"]], "nonsense"))
    assert "Say why &#x27;A&#x27; goes from submitted to rejected." in body(move_many(client, [four["A"]], "rejected"))
    answer = client.post("/requirements/move/", {"ids": ["x"], "to": "promoted"}, follow=True)
    assert "&#x27;x&#x27; is no id of a requirement." in body(answer)
    client.force_login(collaborator.member)
    answer = move_many(client, four.values(), "promoted")
    assert "4 stayed as they were: Your role does not allow this; it needs the role owner." in body(answer)
    client.force_login(stranger.member)
    assert "1 stayed as it was: One of them is out of sight." in body(
        move_many(client, [four["A"]], "on_hold", reason="x")
    )
    assert {state_of(row) for row in four.values()} == {"submitted"}


def test_rows_can_be_chosen_by_those_who_may_move_several(client, owner, collaborator, app, wanted):
    admin = make_person("ada", Role.ADMIN, app)
    seen = {}
    for person in (owner, admin, collaborator):
        client.force_login(person.member)
        page = body(client.get(BOARD, {"view": "list"}))
        choices = page.partition('<select id="bulk-to"')[2].partition("</select>")[0]
        seen[person.member.username] = (
            f'name="ids" value="{wanted.pk}"' in page,
            re.findall(r'value="(\w+)"', choices),
        )
    assert seen == {
        "olga": (True, ["promoted", "rejected", "on_hold"]),
        "ada": (True, ["on_hold"]),
        "carl": (False, []),
    }


# --- cost ------------------------------------------------------------------------------------------------------------

# The session and the member; unread notices of the top bar and of the cards; projects of the switch; counts; cards;
# choices of the filters. Who is bound to projects costs one for the scope.
BOARD_STATEMENTS = 8
# A live fragment has no frame around it: the session and the member; counts; cards; unread comments.
FRAGMENT_STATEMENTS = 5
# The session and the member; unread notices; projects of the switch; choices; the count and the rows of the page.
LIST_STATEMENTS = 7


@pytest.mark.parametrize("rows", [3, 60])
def test_the_pages_take_so_many_statements_whatever_they_hold(
    client, owner, collaborator, app, django_assert_num_queries, rows
):
    states = list(RequirementState)
    for number in range(rows):
        depends_on = [f"R{number - 1}"] if number else []
        row = save_requirement(
            collaborator.caller, app, f"R{number}", acceptance=["a"], depends_on=depends_on, assignee="carl", tags=["t"]
        )
        add_comment(owner.caller, row, "Well, @carl?")
        Requirement.objects.filter(pk=row.pk).update(state=states[number % len(states)])
    for person, more in ((owner, 0), (collaborator, 1)):
        client.force_login(person.member)
        client.get(BOARD)
        with django_assert_num_queries(BOARD_STATEMENTS + more):
            client.get(BOARD)
        with django_assert_num_queries(FRAGMENT_STATEMENTS + more):
            client.get(BOARD, headers=HTMX)
        with django_assert_num_queries(LIST_STATEMENTS + more):
            client.get(BOARD, {"view": "list"})


def test_moves_have_words_of_their_own(owner, collaborator):
    assert {state: [move.words for move in possible_moves(owner.caller, state)] for state in MOVES} == {
        "draft": ["Submit", "Promote", "Reject"],
        "submitted": ["Back to draft", "Promote", "Reject", "Put on hold"],
        "promoted": ["Start work", "Take the promotion back", "Reject", "Put on hold"],
        "in_progress": ["Hand in for review", "Give back", "Reject", "Put on hold"],
        "in_review": ["Accept as done", "Send back to work", "Reject", "Put on hold"],
        "done": ["Reopen"],
        "rejected": ["Submit again"],
        "on_hold": ["Back to submitted", "Promote", "Reject"],
    }


def test_an_empty_board_has_nothing_to_filter(client, owner, collaborator, app):
    client.force_login(owner.member)
    for view in ("", "list"):
        page = body(client.get(BOARD, {"view": view}))
        assert ("No requirement yet" in page, "board-filters" in page, "0 requirements" in page) == (True, False, False)
        assert "board-filters" in body(client.get(BOARD, {"view": view, "q": "x"}))
    save_requirement(collaborator.caller, app, "One")
    assert "board-filters" in body(client.get(BOARD))
