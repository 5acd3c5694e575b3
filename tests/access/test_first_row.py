"""One row by a statement of our own is the row that the model's own question finds."""

import pytest
from django.db import models

from access.first_row import first_row
from access.models import Project, RoleToken
from memories.models import EmbeddingSpace
from runs.models import CapturedEvent


def fields_of(row: models.Model) -> dict:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_it_is_the_whole_row(owner, app):
    token = first_row(RoleToken, "FROM access_roletoken WHERE id = %s", [owner.token.pk], "default")
    assert token is not None
    assert fields_of(token) == fields_of(RoleToken.objects.get(pk=owner.token.pk))
    assert token.get_deferred_fields() == set()
    assert fields_of(EmbeddingSpace.objects.answering()) == fields_of(EmbeddingSpace.objects.get())


def test_no_row_is_none(app):
    assert first_row(Project, "FROM access_project WHERE name = %s", ["nowhere"], "default") is None


def test_a_model_with_converted_fields_is_refused(db):
    with pytest.raises(TypeError, match="CapturedEvent has fields that Django converts from the database"):
        first_row(CapturedEvent, "FROM runs_capturedevent", [], "default")
