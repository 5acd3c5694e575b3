"""Projects, members, tokens and the audit trail, as an owner runs the team from the admin."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from access.audit import AuditSubject, record_done
from access.models import AuditEntry, Member, Project, RoleToken
from access.roles import Role
from access.tokens import token_for_secret
from memories.saving import save_memory

pytestmark = pytest.mark.django_db


@pytest.fixture
def owners_client(client, owner):
    client.force_login(owner.member)
    return client


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def commands():
    return list(AuditEntry.objects.order_by("id").values_list("command", "outcome"))


# --- tokens ----------------------------------------------------------------------------------------------------------


def make(client, **answers):
    form = {
        "label": "build server",
        "role": "collaborator",
        "member": "",
        "expires_in_days": "",
        "rate_per_minute": "",
        **answers,
    }
    return client.post(reverse("admin:access_roletoken_add"), form)


def test_a_token_is_shown_once_and_opens_its_scope(owners_client, app, secret_project):
    answer = make(owners_client, projects=[app.pk], expires_in_days="30", rate_per_minute="5")
    secret = answer.context["secret"]
    assert secret in answer.content.decode()
    assert f"Authorization: Bearer {secret}" in answer.content.decode().replace("&quot;", '"')
    assert "no-store" in answer["Cache-Control"]
    token = token_for_secret(secret)
    assert (token.label, token.role, token.all_projects, token.rate_per_minute) == (
        "build server",
        "collaborator",
        False,
        5,
    )
    assert [project.name for project in token.projects.all()] == ["app"]
    assert timedelta(days=29, hours=23) < token.expires_at - timezone.now() <= timedelta(days=30)
    page = owners_client.get(reverse("admin:access_roletoken_change", args=[token.pk])).content.decode()
    assert secret not in page
    assert token.digest not in page
    assert commands() == [("create_token", "done")]
    entry = AuditEntry.objects.get()
    assert (entry.object_id, entry.object_title) == (str(token.pk), str(token))


def test_a_token_needs_a_scope(owners_client):
    answer = make(owners_client)
    assert answer.context["adminform"].form.errors == {"projects": ["Choose at least one project, or every project."]}
    assert not RoleToken.objects.filter(label="build server").exists()


def test_a_token_gets_another_scope(owners_client, collaborator, secret_project):
    address = reverse("admin:access_roletoken_change", args=[collaborator.token.pk])
    assert owners_client.post(address, {"projects": [secret_project.pk]}).status_code == 302
    assert [project.name for project in collaborator.token.projects.all()] == ["skunkworks"]
    assert owners_client.post(address, {"all_projects": "on"}).status_code == 302
    collaborator.token.refresh_from_db()
    assert collaborator.token.all_projects
    assert commands() == [("rescope_token", "done"), ("rescope_token", "done")]


def test_nothing_but_the_scope_of_a_token_can_be_changed(owners_client, collaborator, app):
    address = reverse("admin:access_roletoken_change", args=[collaborator.token.pk])
    forged = {
        "projects": [app.pk],
        "role": "owner",
        "digest": "0" * 64,
        "prefix": "forged",
        "label": "forged",
        "hits": "7",
    }
    owners_client.post(address, forged)
    before = collaborator.token
    after = RoleToken.objects.get(pk=before.pk)
    assert [getattr(after, name) for name in ("role", "digest", "prefix", "label", "hits")] == [
        getattr(before, name) for name in ("role", "digest", "prefix", "label", "hits")
    ]


def test_rotating_shows_a_new_secret_and_ends_the_old_after_its_grace(owners_client, collaborator):
    address = reverse("admin:access_roletoken_do_rotate", args=[collaborator.token.pk])
    assert owners_client.get(address).status_code == 200
    answer = owners_client.post(address, {"grace_hours": "1"})
    new = token_for_secret(answer.context["secret"])
    assert (new.label, [project.name for project in new.projects.all()]) == ("carl", ["app"])
    assert "no-store" in answer["Cache-Control"]
    assert token_for_secret(collaborator.secret).pk == collaborator.token.pk
    owners_client.post(address.replace(str(collaborator.token.pk), str(new.pk)), {"grace_hours": "0"})
    assert token_for_secret(answer.context["secret"]) is None


def test_a_revoked_token_stays_shut_and_cannot_be_rotated_or_scoped(owners_client, collaborator, app):
    owners_client.post(reverse("admin:access_roletoken_do_revoke", args=[collaborator.token.pk]))
    assert token_for_secret(collaborator.secret) is None
    address = reverse("admin:access_roletoken_change", args=[collaborator.token.pk])
    page = owners_client.get(address)
    assert page.context["deeds"] == []
    assert owners_client.post(address, {"all_projects": "on"}).status_code == 403
    answer = owners_client.post(
        reverse("admin:access_roletoken_do_rotate", args=[collaborator.token.pk]), {"grace_hours": "0"}, follow=True
    )
    assert said(answer)[-1] == "The token 'carl' is revoked; only an active token can be rotated."


@pytest.mark.parametrize(
    ("state", "labels"), [("active", {"olga", "carl"}), ("revoked", {"sven"}), ("expired", {"gone"})]
)
def test_tokens_are_filtered_by_state(owners_client, collaborator, stranger, state, labels):
    RoleToken.objects.filter(pk=stranger.token.pk).update(revoked_at=timezone.now())
    RoleToken.objects.create(label="gone", prefix="gone", digest="0", expires_at=timezone.now() - timedelta(days=1))
    listed = owners_client.get(reverse("admin:access_roletoken_changelist"), {"state": state}).context["cl"].result_list
    assert {token.label for token in listed} == labels


def test_only_owners_come_near_tokens_and_members(client, collaborator, stranger):
    for person in (collaborator, stranger):
        client.force_login(person.member)
        statuses = {
            client.post(reverse("admin:access_roletoken_do_revoke", args=[person.token.pk])).status_code,
            client.get(reverse("admin:access_roletoken_change", args=[person.token.pk])).status_code,
            make(client, all_projects="on").status_code,
            client.post(reverse("admin:access_member_do_deactivate", args=[person.member.pk])).status_code,
            client.get(reverse("admin:access_member_add")).status_code,
        }
        assert statuses <= {403, 404}
    assert token_for_secret(collaborator.secret) is not None
    assert Member.objects.filter(is_active=False).count() == 0


# --- members ---------------------------------------------------------------------------------------------------------


def add_member(client, **answers):
    form = {"username": "ana", "email": "ana@example.com", "password": "", "role": "collaborator", **answers}
    return client.post(reverse("admin:access_member_add"), form)


def test_a_member_is_made_with_a_password_that_is_shown_once(owners_client, app, client):
    answer = add_member(owners_client, projects=[app.pk])
    password = answer.context["password"]
    assert (len(password), password in answer.content.decode()) == (20, True)
    assert "no-store" in answer["Cache-Control"]
    ana = Member.objects.get(username="ana")
    assert (ana.role, ana.check_password(password), [project.name for project in ana.projects.all()]) == (
        "collaborator", True, ["app"])  # fmt: skip
    assert password not in owners_client.get(reverse("admin:access_member_change", args=[ana.pk])).content.decode()
    assert commands() == [("create_member", "done")]


def test_a_weak_password_and_a_taken_name_are_told_beside_the_field(owners_client, app, collaborator):
    weak = add_member(owners_client, projects=[app.pk], password="password")
    assert list(weak.context["adminform"].form.errors) == ["password"]
    taken = add_member(owners_client, projects=[app.pk], username="CARL")
    assert taken.context["adminform"].form.errors == {"username": ["A member named CARL exists already."]}
    assert Member.objects.filter(username__iexact="carl").count() == 1
    assert commands() == [("save_member", "invalid"), ("save_member", "invalid")]


def test_role_and_projects_of_a_member_change(owners_client, collaborator, secret_project):
    address = reverse("admin:access_member_change", args=[collaborator.member.pk])
    assert owners_client.post(address, {"role": "admin", "projects": [secret_project.pk]}).status_code == 302
    collaborator.member.refresh_from_db()
    assert (collaborator.member.role, [project.name for project in collaborator.member.projects.all()]) == (
        "admin",
        ["skunkworks"],
    )


def test_the_last_owner_can_neither_be_demoted_nor_kept_out(owners_client, owner, app):
    answer = owners_client.post(
        reverse("admin:access_member_change", args=[owner.member.pk]), {"role": "guest", "projects": [app.pk]}
    )
    assert "is the last active owner and cannot be demoted" in str(answer.context["adminform"].form.errors)
    answer = owners_client.post(reverse("admin:access_member_do_deactivate", args=[owner.member.pk]), follow=True)
    assert said(answer) == [
        "olga is the last active owner and cannot be deactivated. Make another active member an owner first."
    ]
    owner.member.refresh_from_db()
    assert (owner.member.role, owner.member.is_active) == (Role.OWNER, True)


def test_a_member_is_kept_out_and_let_in_again(owners_client, collaborator):
    owners_client.post(reverse("admin:access_member_do_deactivate", args=[collaborator.member.pk]))
    assert token_for_secret(collaborator.secret) is None
    owners_client.post(reverse("admin:access_member_do_reactivate", args=[collaborator.member.pk]))
    assert token_for_secret(collaborator.secret) is not None


def test_a_new_password_for_a_member(owners_client, collaborator):
    address = reverse("admin:access_member_do_new_password", args=[collaborator.member.pk])
    shown = owners_client.post(address, {"password": ""}).context["password"]
    collaborator.member.refresh_from_db()
    assert collaborator.member.check_password(shown)
    assert said(owners_client.post(address, {"password": "a phrase of my own"}, follow=True)) == [
        "carl has a new password."
    ]
    assert said(owners_client.post(address, {"password": "short"}, follow=True))[0].startswith(
        "This password is too short."
    )
    collaborator.member.refresh_from_db()
    assert collaborator.member.check_password("a phrase of my own")


def test_no_page_tells_a_password_s_hash(owners_client, owner):
    owner.member.set_password("another battery staple")
    owner.member.save()
    owners_client.force_login(owner.member)
    assert owner.member.history.count() == 1
    hashed = owner.member.password
    for name in ("change", "history"):
        page = owners_client.get(reverse(f"admin:access_member_{name}", args=[owner.member.pk])).content.decode()
        assert hashed not in page
        assert "pbkdf2" not in page


def test_a_history_without_a_row_says_so(owners_client, collaborator):
    page = owners_client.get(reverse("admin:access_member_history", args=[collaborator.member.pk]))
    assert (page.status_code, page.context["entries"]) == (200, [])
    assert "Nothing has been changed since this was made." in page.content.decode()


# --- projects --------------------------------------------------------------------------------------------------------


def test_a_project_is_made_described_and_deleted_when_empty(owners_client):
    owners_client.post(reverse("admin:access_project_add"), {"name": "fresh", "description": "New"})
    project = Project.objects.get(name="fresh")
    owners_client.post(
        reverse("admin:access_project_change", args=[project.pk]), {"name": "renamed", "description": "Newer"}
    )
    project.refresh_from_db()
    assert (project.name, project.description) == ("fresh", "Newer")
    owners_client.post(reverse("admin:access_project_do_delete_project", args=[project.pk]))
    assert not Project.objects.filter(name="fresh").exists()
    assert commands() == [("create_project", "done"), ("describe_project", "done"), ("delete_project", "done")]


def test_a_project_that_holds_anything_stays_and_the_page_says_what(owners_client, owner, app):
    save_memory(owner.caller, app, "note", "A", content_md="x")
    answer = owners_client.post(reverse("admin:access_project_do_delete_project", args=[app.pk]), follow=True)
    assert said(answer) == ["The project app still holds 1 memories. Deleted memories count until they are purged."]
    assert Project.objects.filter(pk=app.pk).exists()


@pytest.mark.parametrize("name", ["", " lead", "a" * 101, "no\nlines", "app"])
def test_impossible_and_taken_project_names_are_refused_in_words(owners_client, app, name):
    answer = owners_client.post(reverse("admin:access_project_add"), {"name": name, "description": ""})
    if name == " lead":
        assert Project.objects.filter(name="lead").exists()
    else:
        assert list(answer.context["adminform"].form.errors) == ["name"]
        assert Project.objects.count() == 1


def test_a_scoped_reader_sees_and_changes_only_projects_in_scope(client, stranger, app, secret_project):
    client.force_login(stranger.member)
    listed = client.get(reverse("admin:access_project_changelist"))
    assert [project.name for project in listed.context["cl"].result_list] == ["skunkworks"]
    assert client.get(reverse("admin:access_project_add")).status_code == 403
    assert (
        client.post(reverse("admin:access_project_change", args=[app.pk]), {"description": "mine"}).status_code == 404
    )
    assert client.get(reverse("admin:access_project_history", args=[secret_project.pk])).status_code == 404


# --- audit -----------------------------------------------------------------------------------------------------------


def test_the_audit_trail_is_read_only_and_within_scope(client, owner, stranger, app, secret_project):
    for project in (app, secret_project, None):
        record_done(
            owner.caller, "save_memory", subject=AuditSubject("memory", "", f"in {project}", project and project.pk)
        )
    client.force_login(stranger.member)
    listed = client.get(reverse("admin:access_auditentry_changelist")).context["cl"].result_list
    assert [entry.object_title for entry in listed] == ["in skunkworks"]
    client.force_login(owner.member)
    listed = client.get(reverse("admin:access_auditentry_changelist")).context["cl"].result_list
    assert [entry.object_title for entry in listed] == ["in None", "in skunkworks", "in app"]
    entry = listed[0]
    page = client.get(reverse("admin:access_auditentry_change", args=[entry.pk]))
    assert (page.status_code, page.context["deeds"], list(page.context["adminform"].form.fields)) == (200, [], [])
    assert (
        client.post(reverse("admin:access_auditentry_change", args=[entry.pk]), {"caller": "nobody"}).status_code == 403
    )
    assert client.get(reverse("admin:access_auditentry_add")).status_code == 403
    assert client.post(reverse("admin:access_auditentry_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403
    assert AuditEntry.objects.filter(command="save_memory").count() == 3


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({"outcome": "done"}, ["beta", "alpha"]),
        ({"outcome": "refused"}, []),
        ({"command": "pin_memory"}, ["beta"]),
        ({"caller": "OLG"}, ["beta", "alpha"]),
        ({"caller": "nobody"}, []),
        ({"door": "webhook"}, ["beta", "alpha"]),
        ({"since": "hour"}, ["beta"]),
        ({"since": "nonsense"}, []),
        ({"q": "ALPH"}, ["alpha"]),
    ],
)
def test_the_audit_trail_is_filtered(owners_client, owner, query, titles):
    record_done(owner.caller, "save_memory", subject=AuditSubject("memory", "", "alpha"))
    AuditEntry.objects.update(at=timezone.now() - timedelta(days=2))
    record_done(owner.caller, "pin_memory", subject=AuditSubject("memory", "", "beta"))
    listed = owners_client.get(reverse("admin:access_auditentry_changelist"), query).context["cl"].result_list
    assert [entry.object_title for entry in listed] == titles


def test_an_audit_row_leads_to_its_object(owners_client, owner, app):
    memory = save_memory(owner.caller, app, "note", "A", content_md="x").memory
    record_done(owner.caller, "save_memory", subject=AuditSubject("memory", str(memory.pk), "A", app.pk))
    record_done(owner.caller, "odd", subject=AuditSubject("comet", "17", "<b>no page</b>"))
    page = owners_client.get(reverse("admin:access_auditentry_changelist")).content.decode()
    assert f'href="/memories/{memory.pk}/"' in page
    assert "&lt;b&gt;no page&lt;/b&gt;" in page
