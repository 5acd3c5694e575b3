"""The price table in the admin, by the people who may and who may not."""

import pytest
from django.urls import reverse

from access.models import AuditEntry
from runs.models import ModelPrice

LIST = "admin:runs_modelprice_changelist"
FORM = {
    "label": "House model",
    "provider": "us",
    "patterns": "house-*, home-1",
    "valid_from": "2026-11-01",
    "input_usd": "1.25",
    "output_usd": "10",
    "cache_read_usd": "",
    "cache_write_5m_usd": "",
    "cache_write_1h_usd": "",
}


@pytest.fixture
def as_owner(client, owner):
    client.force_login(owner.member)
    return client


def test_an_owner_adds_and_changes_a_price(as_owner):
    assert as_owner.post(reverse("admin:runs_modelprice_add"), FORM).status_code == 302
    price = ModelPrice.objects.get(label="House model")
    assert (price.patterns, price.cache_read_usd, price.source) == (["house-*", "home-1"], None, "added by olga")
    page = reverse("admin:runs_modelprice_change", args=[price.pk])
    assert "added by olga, version 1" in as_owner.get(page).content.decode()
    assert as_owner.post(page, {**FORM, "input_usd": "2"}).status_code == 302
    price.refresh_from_db()
    assert (price.input_usd, price.version) == (2, 2)
    assert list(AuditEntry.objects.order_by("pk").values_list("command", "outcome")) == [("save_price", "done")] * 2


def test_a_second_price_of_a_day_is_refused_beside_its_field(as_owner):
    as_owner.post(reverse("admin:runs_modelprice_add"), FORM)
    again = as_owner.post(reverse("admin:runs_modelprice_add"), FORM)
    assert "Model price with this Provider, Label and Valid from already exists." in again.content.decode()
    assert ModelPrice.objects.filter(label="House model").count() == 1


def test_others_read_it_or_not_and_change_nothing(client, collaborator, stranger):
    price = ModelPrice.objects.get(label="Claude Haiku 4.5")
    before = ModelPrice.objects.values().get(pk=price.pk)
    page = reverse("admin:runs_modelprice_change", args=[price.pk])
    statuses = {}
    for person in (collaborator, stranger):
        client.force_login(person.member)
        statuses[person.member.username] = (client.get(reverse(LIST)).status_code, client.get(page).status_code)
        client.post(page, {**FORM, "label": "Cheap"})
    assert statuses == {"carl": (403, 403), "sven": (200, 200)}
    assert ModelPrice.objects.values().get(pk=price.pk) == before


def test_the_list_reads_the_table_once(as_owner, django_assert_num_queries):
    as_owner.get(reverse(LIST))
    with django_assert_num_queries(5):
        page = as_owner.get(reverse(LIST)).content.decode()
    assert "claude-haiku-4-5*" in page
