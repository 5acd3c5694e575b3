"""A test that commits leaves the database as the migrations made it."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from access.models import Member, Project
from access.roles import Role
from memories.models import MemoryType
from memories.saving import save_memory
from tests.clean_database import TABLES
from tests.conftest import make_person

pytestmark = pytest.mark.django_db(transaction=True)


def all_rows() -> dict[str, list[tuple]]:
    """What each table holds."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        tables = [name for (name,) in cursor.fetchall()]
        held = {}
        for table in tables:
            cursor.execute(f'SELECT row_to_json(one)::text FROM "{table}" one ORDER BY 1')
            held[table] = cursor.fetchall()
    return held


def test_what_was_made_changed_and_deleted_is_as_it_was(django_db_setup):
    before = all_rows()
    assert before["access_member"] == []
    olga = make_person("olga", Role.OWNER, all_projects=True)
    app = Project.objects.create(name="app")
    save_memory(olga.caller, app, title="Kept", content_md="See [[Other]].", memory_type="decision", tags=["a"])
    MemoryType.objects.update(half_life_days=1)
    Permission.objects.filter(codename__startswith="add_").delete()
    assert all_rows() != before

    django_db_setup.bring_back()

    assert all_rows() == before
    assert not Member.objects.exists()
