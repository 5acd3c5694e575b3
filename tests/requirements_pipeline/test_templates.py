"""Templates of requirements: owners edit them, in the admin too."""

import pytest
from django.urls import reverse

from access.errors import Forbidden, Invalid
from access.models import AuditEntry
from requirements_pipeline.models import RequirementTemplate
from requirements_pipeline.writing import delete_template, save_template

LIST = "admin:requirements_pipeline_requirementtemplate_changelist"
FORM = {
    "name": "Bug",
    "title_pattern": "Fix: ",
    "content_md": "## What happens\n",
    "acceptance": "A test fails before, and passes after\n\nNothing else changes",
    "priority": "2",
    "module": "",
}


def test_an_owner_makes_changes_and_deletes_one_in_the_admin(client, owner):
    client.force_login(owner.member)
    assert client.post(reverse("admin:requirements_pipeline_requirementtemplate_add"), FORM).status_code == 302
    made = RequirementTemplate.objects.get()
    assert (made.name, made.title_pattern, made.acceptance, made.priority) == (
        "Bug",
        "Fix: ",
        ["A test fails before, and passes after", "Nothing else changes"],
        2,
    )
    page = reverse("admin:requirements_pipeline_requirementtemplate_change", args=[made.pk])
    assert "A test fails before, and passes after\nNothing else changes" in client.get(page).content.decode()
    assert client.post(page, {**FORM, "priority": "1"}).status_code == 302
    made.refresh_from_db()
    assert (made.priority, made.history.count()) == (1, 2)
    client.post(reverse("admin:requirements_pipeline_requirementtemplate_do_delete_template", args=[made.pk]))
    assert not RequirementTemplate.objects.exists()
    assert list(AuditEntry.objects.order_by("id").values_list("command", flat=True)) == [
        "save_requirement_template",
        "save_requirement_template",
        "delete_requirement_template",
    ]


def test_others_read_them_at_most(client, collaborator, stranger):
    template = RequirementTemplate.objects.create(name="Bug")
    for person in (collaborator, stranger):
        client.force_login(person.member)
        assert client.get(reverse(LIST)).status_code == 200
        assert client.post(reverse("admin:requirements_pipeline_requirementtemplate_add"), FORM).status_code == 403
        with pytest.raises(Forbidden):
            save_template(person.caller, RequirementTemplate(name="Mine"))
        with pytest.raises(Forbidden):
            delete_template(person.caller, template)
    assert RequirementTemplate.objects.get() == template


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "bug"}, "name"),
        ({"name": "x", "title_pattern": "y" * 501}, "title_pattern"),
        ({"name": "x", "priority": 9}, "priority"),
        ({"name": "x", "content_md": "\x00"}, "content_md"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(owner, told, field):
    save_template(owner.caller, RequirementTemplate(name="bug"))
    with pytest.raises(Invalid) as refused:
        save_template(owner.caller, RequirementTemplate(**told))
    assert list(refused.value.extra["fields"]) == [field]
    assert RequirementTemplate.objects.count() == 1
