"""Comments, who watches a requirement, and who is told what."""

import pytest
from django.urls import reverse

from access.callers import Caller
from access.errors import Forbidden, Invalid, NotFound
from access.models import Notification
from access.roles import Role
from requirements_pipeline.commenting import add_comment, comments_on, delete_comment, edit_comment
from requirements_pipeline.models import RequirementComment, RequirementState
from requirements_pipeline.moves import move_requirement, promote_requirement
from requirements_pipeline.watching import unwatch, watch, watcher_ids
from requirements_pipeline.writing import save_requirement
from tests.conftest import make_person


@pytest.fixture
def requirement(collaborator, app):
    return save_requirement(collaborator.caller, app, "T")


def told() -> list[tuple[str, str, str]]:
    """Whom, of what kind, in what words; forgotten afterwards."""
    rows = list(Notification.objects.order_by("pk").values_list("member__username", "kind", "words"))
    Notification.objects.all().delete()
    return rows


def test_watchers_are_told_of_a_comment_and_who_wrote_it_is_not(owner, collaborator, requirement):
    made = add_comment(owner.caller, requirement, " When **is** it due? password: hunter2 ")
    assert (made.body_md, made.by, made.author, made.edited_at) == (
        "When **is** it due? password: [masked: password]",
        "olga",
        owner.member,
        None,
    )
    note = Notification.objects.get()
    assert note.link == reverse("requirement", args=[requirement.pk])
    assert told() == [("carl", "commented", "olga on “T”: When is it due? password: [masked: password]")]
    add_comment(collaborator.caller, requirement, "Soon.")
    assert told() == [("olga", "commented", "carl on “T”: Soon.")]


def test_the_mentioned_are_told_once_and_watch_from_then_on(owner, collaborator, stranger, app, requirement):
    cora = make_person("cora", "collaborator", app)
    comment = add_comment(owner.caller, requirement, "@Carl and @cora, not @sven or @olga: look.")
    assert told() == [
        ("carl", "mentioned", "olga mentioned you on “T”: @Carl and @cora, not @sven or @olga: look."),
        ("cora", "mentioned", "olga mentioned you on “T”: @Carl and @cora, not @sven or @olga: look."),
    ]
    assert watcher_ids(requirement) == {owner.member.pk, collaborator.member.pk, cora.member.pk}
    gwen = make_person("gwen", "guest", app)
    edit_comment(owner.caller, comment, "@carl, @gwen")
    assert told() == [("gwen", "mentioned", "olga mentioned you on “T”: @carl, @gwen")]
    assert gwen.member.pk in watcher_ids(requirement)


def test_moves_tell_watchers_and_an_assignment_the_assignee(owner, collaborator, app, requirement):
    cora = make_person("cora", "collaborator", app)
    save_requirement(owner.caller, app, "T", assignee="cora")
    save_requirement(owner.caller, app, "T", assignee="cora", content_md="x")
    assert told() == [("cora", "assigned", "olga gave “T” to you.")]
    promote_requirement(owner.caller, requirement)
    assert sorted(told()) == [
        ("carl", "moved", "olga moved “T” to promoted."),
        ("cora", "moved", "olga moved “T” to promoted."),
    ]
    unwatch(cora.caller, requirement)
    move_requirement(owner.caller, requirement, RequirementState.ON_HOLD, reason="Later.")
    assert told() == [("carl", "moved", "olga moved “T” to on hold: Later.")]
    add_comment(owner.caller, requirement, "@cora?")
    assert [(name, kind) for name, kind, _ in told()] == [("cora", "mentioned"), ("carl", "commented")]
    assert cora.member.pk not in watcher_ids(requirement)
    watch(cora.caller, requirement)
    assert cora.member.pk in watcher_ids(requirement)


def test_who_sees_the_project_no_more_is_told_nothing(owner, collaborator, requirement):
    collaborator.member.memberships.all().delete()
    promote_requirement(owner.caller, requirement)
    add_comment(owner.caller, requirement, "@carl?")
    assert told() == []


def test_only_who_wrote_it_rewrites_a_comment(owner, collaborator, stranger, app, requirement):
    comment = add_comment(collaborator.caller, requirement, "a")
    with pytest.raises(Forbidden):
        edit_comment(owner.caller, comment, "b")
    with pytest.raises(NotFound, match="^Comment not found$"):
        edit_comment(stranger.caller, comment, "b")
    assert edit_comment(collaborator.caller, comment, "a").edited_at is None
    edited = edit_comment(collaborator.caller, comment, "b")
    edited.refresh_from_db()
    assert (edited.body_md, edited.edited_at is not None) == ("b", True)


def test_who_wrote_it_or_an_admin_takes_a_comment_away(owner, collaborator, stranger, app, requirement):
    cora = make_person("cora", "collaborator", app)
    ada = make_person("ada", "admin", app)
    first, second = (add_comment(collaborator.caller, requirement, words) for words in ("a", "b"))
    with pytest.raises(Forbidden):
        delete_comment(cora.caller, first)
    with pytest.raises(NotFound):
        delete_comment(stranger.caller, first)
    delete_comment(collaborator.caller, first)
    delete_comment(ada.caller, second)
    with pytest.raises(NotFound):
        delete_comment(collaborator.caller, first)
    assert comments_on(owner.caller, requirement) == []
    assert list(RequirementComment.objects.values_list("body_md", "deleted_by")) == [("a", "carl"), ("b", "ada")]


def test_comments_are_read_in_sight_and_written_by_who_works_there(collaborator, stranger, app, requirement):
    comment = add_comment(collaborator.caller, requirement, "a")
    guest = make_person("gwen", "guest", app)
    assert comments_on(guest.caller, requirement) == [comment]
    assert comments_on(stranger.caller, requirement) == []
    with pytest.raises(Forbidden):
        add_comment(guest.caller, requirement, "b")
    for deed in (lambda: add_comment(stranger.caller, requirement, "b"), lambda: watch(stranger.caller, requirement)):
        with pytest.raises(NotFound):
            deed()
    nobody = Caller(name="bot", role=Role.OWNER, project_ids=None)
    with pytest.raises(Invalid, match="Only a member can be told"):
        watch(nobody, requirement)


@pytest.mark.parametrize("body", [" \n", "\x00", "x" * 20_001, "\ud800"])
def test_what_cannot_be_kept_is_refused_in_words(collaborator, requirement, body):
    with pytest.raises(Invalid) as refused:
        add_comment(collaborator.caller, requirement, body)
    assert list(refused.value.extra["fields"]) == ["body_md"]
    assert RequirementComment.objects.count() == 0
