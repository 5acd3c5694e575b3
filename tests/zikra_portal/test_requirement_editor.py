"""Writing requirements in the browser: who may, what is kept, and that nobody is overwritten unseen."""

from datetime import date

import pytest
from django.urls import reverse

from access.models import AuditEntry, Member, Project
from access.roles import Role
from memories.saving import save_memory
from requirements_pipeline.drafts import draft_of, keep_draft
from requirements_pipeline.models import EditorDraft, Requirement, RequirementTemplate
from requirements_pipeline.moves import promote_requirement
from requirements_pipeline.writing import edit_requirement, save_requirement
from tests.conftest import make_person

pytestmark = pytest.mark.django_db
NEW = "/requirements/new/"
HTMX = {"HTTP_HX_REQUEST": "true"}
EDITOR_QUERIES = 11


def edit_of(requirement):
    return reverse("requirement-edit", args=[requirement.pk])


def body(answer):
    return " ".join(answer.content.decode().split())


@pytest.fixture
def requirement(collaborator, app):
    return save_requirement(
        collaborator.caller, app, "Export invoices", content_md="As CSV.", acceptance=["One row an invoice"], tags=["a"]
    )


def form_of(requirement, **changes):
    """What a browser sends when somebody opened the editor now and changed these fields."""
    began = {
        "assignee": requirement.assignee.username if requirement.assignee else "",
        "depends_on": "\r\n".join(requirement.depends_on.order_by("title").values_list("title", flat=True)),
        "memories": "\r\n".join(str(pk) for pk in requirement.memories.order_by("title").values_list("pk", flat=True)),
    }
    return {
        "project": requirement.project.name, "expected_version": requirement.version, "title": requirement.title,
        "content_md": requirement.content_md, "acceptance": "\r\n".join(requirement.acceptance),
        "priority": requirement.priority, "due_on": "", "module": requirement.module,
        "tags": ", ".join(requirement.tags), **began, **{f"initial-{name}": text for name, text in began.items()},
        "deed": "save", **changes,
    }  # fmt: skip


def test_who_may_write_and_where(client, owner, collaborator, stranger, app, requirement):
    guest = make_person("gus", Role.GUEST, app)
    assert client.get(NEW)["Location"] == f"/accounts/login/?next={NEW}"
    seen = {}
    for person in (owner, collaborator, guest, stranger):
        client.force_login(person.member)
        asked = [
            client.get(NEW, {"project": "app"}),
            client.get(edit_of(requirement)),
            client.post(edit_of(requirement)),
        ]
        seen[person.member.username] = [answer.status_code for answer in asked]
    assert seen == {
        "olga": [200, 200, 400],
        "carl": [200, 200, 400],
        "gus": [403, 403, 403],
        "sven": [404, 404, 404],
    }
    assert Requirement.objects.get() == requirement


def test_a_new_one_is_saved_as_a_draft_or_submitted_with_all_its_fields(client, collaborator, app):
    client.force_login(collaborator.member)
    other = save_requirement(collaborator.caller, app, "Round amounts")
    guide = save_memory(collaborator.caller, app, "note", "CSV guide").memory
    form = {
        "project": "app", "expected_version": "0", "title": " Export  invoices ", "content_md": "As **CSV**.",
        "acceptance": "One row an invoice\r\n\r\nUTF-8\r\n", "priority": "2", "due_on": "2031-05-06", "assignee": "carl",
        "module": "billing", "tags": "export, , csv", "depends_on": "Round amounts\r\n", "memories": f"{guide.pk}\r\n",
        "deed": "draft",
    }  # fmt: skip
    answer = client.post(NEW, form)
    made = Requirement.objects.get(title="Export invoices")
    assert answer["Location"] == reverse("requirement", args=[made.pk])
    assert (
        made.state, made.content_md, made.acceptance, made.priority, made.due_on, made.assignee, made.module, made.tags,
        list(made.depends_on.all()), list(made.memories.all()), made.created_by, made.version,
    ) == (
        "draft", "As **CSV**.", ["One row an invoice", "UTF-8"], 2, date(2031, 5, 6), collaborator.member, "billing",
        ["export", "csv"], [other], [guide], "carl", 1,
    )  # fmt: skip
    client.post(NEW, {**form, "title": "Import invoices", "deed": "submit"})
    assert Requirement.objects.get(title="Import invoices").state == "submitted"
    assert [(row.command, row.outcome) for row in AuditEntry.objects.order_by("pk")] == [
        ("save_requirement", "done")
    ] * 2


def test_problems_stand_beside_their_fields_and_nothing_typed_is_lost(client, collaborator, app):
    client.force_login(collaborator.member)
    form = {"project": "app", "title": " ", "content_md": "My <b>words</b>", "deed": "submit", "due_on": "2031-99-99"}
    answer = client.post(NEW, form)
    page = body(answer)
    assert (answer.status_code, "Enter a valid date." in page, "My &lt;b&gt;words&lt;/b&gt;" in page) == (
        400,
        True,
        True,
    )
    page = body(client.post(NEW, {**form, "due_on": ""}))
    assert "A requirement needs a title." in page
    for field, value, words in (
        ("depends_on", "Nothing", "has no requirement &#x27;Nothing&#x27; to wait for"),
        ("memories", "x", "There is no memory &#x27;x&#x27; in sight"),
        ("assignee", "sven", "Nobody called &#x27;sven&#x27; works in app"),
        ("priority", "9", "Select a valid choice"),
        ("title", "x" * 501, "500 is the limit"),
        ("tags", "x" * 101, "100 is the limit"),
        ("acceptance", "x" * 1001, "1000 is the limit"),
    ):
        page = body(client.post(NEW, {**form, "due_on": "", "title": "T", field: value}))
        assert words in page, field
        assert "My &lt;b&gt;words&lt;/b&gt;" in page
    assert Requirement.objects.count() == 0


def test_a_title_that_is_taken_leads_to_the_one_that_has_it(client, owner, collaborator, app, requirement):
    client.force_login(owner.member)
    answer = client.post(NEW, {"project": "app", "title": "Export invoices", "content_md": "Other", "deed": "submit"})
    page = body(answer)
    assert (answer.status_code, "has a requirement with this title already" in page) == (409, True)
    assert f'href="{edit_of(requirement)}"' in page
    other = save_requirement(owner.caller, app, "Other")
    page = body(client.post(edit_of(other), form_of(other, title="Export invoices")))
    assert "has a requirement with this title already" in page
    requirement.refresh_from_db()
    assert requirement.content_md == "As CSV."


def test_the_state_is_the_button_s_until_it_is_promoted(client, owner, collaborator, requirement):
    client.force_login(collaborator.member)
    states = []
    for deed in ("draft", "save", "submit", "save"):
        requirement.refresh_from_db()
        client.post(edit_of(requirement), form_of(requirement, deed=deed, content_md=deed))
        requirement.refresh_from_db()
        states.append(requirement.state)
    assert states == ["draft", "draft", "submitted", "submitted"]
    promote_requirement(owner.caller, requirement)
    requirement.refresh_from_db()
    page = body(client.get(edit_of(requirement)))
    assert [word in page for word in ('value="save"', 'value="draft"', 'value="submit"')] == [True, False, False]
    client.post(edit_of(requirement), form_of(requirement, deed="draft", content_md="Later"))
    requirement.refresh_from_db()
    assert (requirement.state, requirement.content_md, requirement.version) == ("promoted", "Later", 6)


def test_a_browser_s_line_ends_make_no_new_version(client, collaborator, requirement):
    edit_requirement(collaborator.caller, requirement, content_md="As CSV.\n\nOr so.")
    requirement.refresh_from_db()
    client.force_login(collaborator.member)
    client.post(edit_of(requirement), form_of(requirement, content_md="As CSV.\r\n\r\nOr so."))
    requirement.refresh_from_db()
    assert (requirement.content_md, requirement.version) == ("As CSV.\n\nOr so.", 2)


# --- conflicts -------------------------------------------------------------------------------------------------------


def test_who_saved_first_is_told_and_mine_is_kept(client, owner, collaborator, requirement):
    mine = form_of(requirement, content_md="Mine", title="Export all invoices")
    edit_requirement(owner.caller, requirement, content_md="Theirs", priority=1)
    client.force_login(collaborator.member)
    answer = client.post(edit_of(requirement), mine)
    page = body(answer)
    assert answer.status_code == 409
    for words in (
        "olga saved version 2", "while you wrote on version 1", ">As CSV.<", ">Theirs<", "Mine</textarea>",
        'value="Export all invoices"', "Save mine over it", "Take theirs", 'name="over_version" value="2"',
    ):  # fmt: skip
        assert words in page, words
    requirement.refresh_from_db()
    assert (requirement.content_md, requirement.version) == ("Theirs", 2)
    # Again without a choice: again a conflict.
    assert client.post(edit_of(requirement), mine).status_code == 409
    client.post(edit_of(requirement), {**mine, "deed": "over", "over_version": "2"})
    requirement.refresh_from_db()
    assert (requirement.content_md, requirement.title, requirement.version) == ("Mine", "Export all invoices", 3)


def test_saving_over_what_one_has_not_seen_is_a_conflict_again(client, owner, collaborator, requirement):
    mine = form_of(requirement, content_md="Mine")
    edit_requirement(owner.caller, requirement, content_md="Theirs")
    edit_requirement(owner.caller, requirement, content_md="Theirs again")
    client.force_login(collaborator.member)
    answer = client.post(edit_of(requirement), {**mine, "deed": "over", "over_version": "2"})
    assert (answer.status_code, "saved version 3" in body(answer)) == (409, True)


def test_taking_theirs_throws_mine_away(client, owner, collaborator, requirement):
    mine = form_of(requirement, content_md="Mine")
    edit_requirement(owner.caller, requirement, content_md="Theirs")
    client.force_login(collaborator.member)
    client.post(edit_of(requirement), mine)
    assert draft_of(collaborator.caller, requirement).fields["content_md"] == "Mine"
    answer = client.post(edit_of(requirement), {**mine, "deed": "theirs"}, follow=True)
    assert ("Theirs</textarea>" in body(answer), "Mine" in body(answer)) == (True, False)
    assert EditorDraft.objects.count() == 0


def test_what_others_linked_and_assigned_meanwhile_stays(client, owner, collaborator, app, requirement):
    mine = form_of(requirement, content_md="Mine")
    other = save_requirement(owner.caller, app, "Round amounts")
    guide = save_memory(owner.caller, app, "note", "CSV guide").memory
    edit_requirement(owner.caller, requirement, assignee="olga", depends_on=[str(other.pk)], memories=[guide.pk])
    client.force_login(collaborator.member)
    client.post(edit_of(requirement), mine)
    requirement.refresh_from_db()
    assert (requirement.content_md, requirement.assignee) == ("Mine", owner.member)
    assert (list(requirement.depends_on.all()), list(requirement.memories.all())) == ([other], [guide])
    client.post(edit_of(requirement), form_of(requirement, assignee="", depends_on="", memories=""))
    requirement.refresh_from_db()
    assert (requirement.assignee, requirement.depends_on.count(), requirement.memories.count()) == (None, 0, 0)


def test_an_open_editor_is_told_that_somebody_saved(client, owner, collaborator, stranger, requirement):
    address = reverse("requirement-newer", args=[requirement.pk])
    client.force_login(collaborator.member)
    assert body(client.get(address, {"version": "1"}, **HTMX)) == ""
    edit_requirement(owner.caller, requirement, content_md="Theirs")
    told = body(client.get(address, {"version": "1"}, **HTMX))
    assert ("olga saved version 2" in told, "?old=1&amp;new=2" in told) == (True, True)
    assert body(client.get(address, {"version": "2"}, **HTMX)) == ""
    client.force_login(stranger.member)
    assert client.get(address, {"version": "1"}, **HTMX).status_code == 404


# --- kept while typing -----------------------------------------------------------------------------------------------


def test_what_is_typed_is_kept_offered_again_and_deleted_with_the_save(client, collaborator, requirement):
    client.force_login(collaborator.member)
    keep = reverse("requirement-keep", args=[requirement.pk])
    fragment = body(client.post(keep, form_of(requirement, content_md="Half a sent", odd="left out"), **HTMX))
    draft = draft_of(collaborator.caller, requirement)
    assert fragment.startswith("Kept ")
    assert ("odd" in draft.fields, draft.fields["content_md"]) == (False, "Half a sent")
    page = body(client.get(edit_of(requirement)))
    assert ("did not save is here again" in page, "Half a sent</textarea>" in page) == (True, True)
    client.post(edit_of(requirement), form_of(requirement, content_md="A whole sentence"))
    assert EditorDraft.objects.count() == 0
    assert "here again" not in body(client.get(edit_of(requirement)))


def test_what_was_saved_in_the_same_moment_is_not_offered_as_unsaved(client, collaborator, app, requirement):
    client.force_login(collaborator.member)
    keep, keep_new = reverse("requirement-keep", args=[requirement.pk]), reverse("requirement-new-keep")
    client.post(keep, form_of(requirement, acceptance="One row an invoice\r\n"))
    assert "here again" not in body(client.get(edit_of(requirement)))
    client.post(keep, form_of(requirement, priority="1"))
    assert "here again" in body(client.get(edit_of(requirement)))
    new = {"project": "app", "title": "Print", "content_md": "On\r\npaper", "deed": "submit"}
    client.post(NEW, new)
    client.post(keep_new, new)
    assert "here again" not in body(client.get(NEW))
    client.post(keep_new, {**new, "content_md": "On thick paper"})
    assert "here again" in body(client.get(NEW))


def test_a_draft_keeps_the_version_that_it_began_from(client, owner, collaborator, requirement):
    keep_draft(collaborator.caller, requirement, {name: str(text) for name, text in form_of(requirement).items()})
    edit_requirement(owner.caller, requirement, content_md="Theirs")
    client.force_login(collaborator.member)
    page = body(client.get(edit_of(requirement)))
    assert ('name="expected_version" value="1"' in page, "newer/?version=1" in page) == (True, True)


def test_a_draft_is_discarded(client, owner, collaborator, requirement):
    for which in (requirement, None):
        keep_draft(collaborator.caller, which, {"project": "app", "title": "Typed"})
        keep_draft(owner.caller, which, {"project": "app", "title": "Typed by olga"})
    client.force_login(collaborator.member)
    answer = client.post(reverse("requirement-discard", args=[requirement.pk]), {"project": "app"})
    assert answer["Location"] == edit_of(requirement)
    assert client.post(reverse("requirement-new-discard"), {"project": "app"})["Location"] == f"{NEW}?project=app"
    assert {draft.member.username for draft in EditorDraft.objects.all()} == {"olga"}


def test_nobody_keeps_or_sees_another_s_words(client, owner, collaborator, stranger, app, requirement):
    keep_draft(owner.caller, requirement, {"title": "Secret words"})
    client.force_login(collaborator.member)
    assert "Secret words" not in body(client.get(edit_of(requirement)))
    client.force_login(stranger.member)
    assert client.post(reverse("requirement-keep", args=[requirement.pk]), {"title": "x"}).status_code == 404
    client.force_login(make_person("gus", Role.GUEST, app).member)
    assert client.post(reverse("requirement-new-keep"), {"title": "x"}).status_code == 403
    assert EditorDraft.objects.get().member == owner.member


# --- new ones: project, template, preview, links ---------------------------------------------------------------------


def test_the_project_is_chosen_where_there_are_several(client, owner, collaborator, app, secret_project):
    client.force_login(owner.member)
    page = body(client.get(NEW))
    assert [f'href="{NEW}?project={name}"' in page for name in ("app", "skunkworks")] == [True, True]
    assert "New requirement in skunkworks" in body(client.get(NEW, {"project": "skunkworks"}))
    keep_draft(owner.caller, None, {"project": "app", "title": "Typed before"})
    page = body(client.get(NEW))
    assert ("New requirement in app" in page, 'value="Typed before"' in page) == (True, True)
    page = body(client.get(NEW, {"project": "skunkworks"}))
    assert ("Go on with it" in page, 'value="Typed before"' in page) == (True, False)
    client.force_login(collaborator.member)
    assert "New requirement in app" in body(client.get(NEW))
    assert client.get(NEW, {"project": "skunkworks"}).status_code == 404
    assert client.post(NEW, {"project": "skunkworks", "title": "x", "deed": "submit"}).status_code == 404


def test_a_template_fills_the_form_and_owners_are_told_where_templates_are(client, owner, collaborator, app):
    client.force_login(owner.member)
    assert reverse("admin:requirements_pipeline_requirementtemplate_add") in body(client.get(NEW, {"project": "app"}))
    template = RequirementTemplate.objects.create(
        name="Bug", title_pattern="Fix: ", content_md="## What happens", acceptance=["A test fails before"], priority=2
    )
    page = body(client.get(NEW, {"project": "app", "template": template.pk}))
    for words in ('value="Fix: "', "## What happens</textarea>", "A test fails before", '<option value="2" selected>'):
        assert words in page, words
    client.force_login(collaborator.member)
    page = body(client.get(NEW, {"project": "app", "template": "99999"}))
    assert ("requirementtemplate" in page, ">Bug</option>" in page) == (False, True)


def test_the_preview_shows_what_will_stand_there_with_and_without_javascript(client, owner, collaborator, app):
    save_memory(collaborator.caller, app, "note", "CSV guide")
    client.force_login(collaborator.member)
    typed = {
        "project": "app", "title": "Export", "content_md": "As **CSV**, see [[csv guide]] <script>alert(1)</script>",
        "acceptance": "One row\r\nUTF-8", "deed": "preview",
    }  # fmt: skip
    for answer in (client.post(reverse("requirement-preview"), typed, **HTMX), client.post(NEW, typed)):
        page = body(answer)
        assert answer.status_code == 200
        for words in ("As <strong>CSV</strong>", 'class="wikilink"', "&lt;script&gt;", '<li dir="auto">UTF-8</li>'):
            assert words in page, words
        assert "<script>alert" not in page
    assert "See [[csv guide]]" not in page
    assert Requirement.objects.count() == 0
    assert client.post(reverse("requirement-preview"), {**typed, "project": "skunkworks"}).status_code == 404


def test_links_are_found_while_one_types_and_only_in_sight(
    client, owner, collaborator, app, secret_project, requirement
):
    here = save_memory(owner.caller, app, "note", "Invoice numbers").memory
    save_memory(owner.caller, secret_project, "note", "Invoice of the skunks")
    save_requirement(owner.caller, secret_project, "Invoices of skunks")
    other = save_requirement(owner.caller, app, "Print invoices")
    client.force_login(collaborator.member)
    page = body(client.get(reverse("pick-memories"), {"project": "app", "q": "invo"}, **HTMX))
    assert (f'data-value="{here.pk}"' in page, "skunk" in page) == (True, False)
    page = body(
        client.get(reverse("pick-requirements"), {"project": "app", "q": "invoices", "besides": requirement.pk}, **HTMX)
    )
    assert (f'data-value="{other.title}"' in page, "Export" in page, "skunks" in page) == (True, False, False)
    assert body(client.get(reverse("pick-memories"), {"project": "app", "q": " \x00 "}, **HTMX)) == ""
    assert client.get(reverse("pick-memories"), {"project": "skunkworks", "q": "x"}).status_code == 404


def test_the_editor_takes_so_many_queries_however_much_is_linked(
    client, collaborator, app, requirement, django_assert_num_queries
):
    def fill(count):
        others = [
            save_requirement(collaborator.caller, app, f"Other {count}.{number}").title for number in range(count)
        ]
        notes = [
            save_memory(collaborator.caller, app, "note", f"N {count}.{number}").memory.pk for number in range(count)
        ]
        edit_requirement(collaborator.caller, requirement, depends_on=others, memories=notes)
        for number in range(count):
            make_person(f"p{count}.{number}", Role.COLLABORATOR, app)

    client.force_login(collaborator.member)
    for count in (1, 30):
        fill(count)
        with django_assert_num_queries(EDITOR_QUERIES):
            client.get(edit_of(requirement))


def test_without_any_project_the_page_says_so(client):
    client.force_login(Member.objects.create_user("pia", role=Role.COLLABORATOR))
    assert "There is no project yet" in body(client.get(NEW))
    assert Project.objects.count() == 0
