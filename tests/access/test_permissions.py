"""Django's permissions follow the role: the whole table, and what stands in no table."""

import pytest

from access.models import Member
from access.permissions import MODEL_ROLES
from access.roles import ROLE_ORDER, Role

DEEDS = ("view", "add", "change", "delete")


@pytest.fixture
def members(db) -> dict[Role, Member]:
    return {role: Member.objects.create_user(role.value, password="x", role=role) for role in ROLE_ORDER}


def permission(model: str, deed: str) -> str:
    app, _, name = model.partition(".")
    return f"{app}.{deed}_{name}"


@pytest.mark.parametrize("model", sorted(MODEL_ROLES))
def test_each_role_may_what_the_table_says(members, model):
    for deed in DEEDS:
        needed = MODEL_ROLES[model].get(deed, Role.OWNER)
        may = {role: member.has_perm(permission(model, deed)) for role, member in members.items()}
        assert may == {role: needed is not None and role.rank >= needed.rank for role in ROLE_ORDER}, deed


# What the contract says of roles, not what the table says: a mistake in the table shows here.
@pytest.mark.parametrize(
    ("name", "weakest"),
    [
        ("memories.view_memory", Role.GUEST),
        ("memories.add_memory", Role.COLLABORATOR),
        ("memories.delete_memory", Role.ADMIN),
        ("requirements_pipeline.add_requirement", Role.COLLABORATOR),
        ("access.view_roletoken", Role.OWNER),
        ("access.add_roletoken", Role.OWNER),
        ("access.change_member", Role.OWNER),
        ("access.view_auditentry", Role.ADMIN),
        ("memories.change_memorytype", Role.OWNER),
        ("some.change_thing", Role.OWNER),
        ("nonsense", Role.OWNER),
    ],
)
def test_the_roles_of_the_contract_hold(members, name, weakest):
    assert {role for role, member in members.items() if member.has_perm(name)} == {
        role for role in ROLE_ORDER if role.includes(weakest)
    }


@pytest.mark.parametrize("deed", ["add", "change", "delete"])
def test_nobody_changes_the_audit_trail(members, deed):
    assert not any(member.has_perm(f"access.{deed}_auditentry") for member in members.values())


def test_a_deactivated_member_may_nothing(members):
    member = members[Role.OWNER]
    member.is_active = False
    assert (member.has_perm("memories.view_memory"), member.has_module_perms("memories")) == (False, False)
