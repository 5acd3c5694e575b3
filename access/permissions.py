"""Django's permissions, derived from the role: pages and admin ask the same question as the webhook."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Model

from access.models import Member
from access.roles import Role

# The weakest role for each of Django's deeds on a model; what is not listed needs an owner.
MODEL_ROLES: dict[str, dict[str, Role]] = {
    "memories.memory": {
        "view": Role.GUEST,
        "add": Role.COLLABORATOR,
        "change": Role.COLLABORATOR,
        "delete": Role.ADMIN,
    },
    "memories.memoryversion": {"view": Role.GUEST},
    "memories.memorytype": {"view": Role.GUEST},
    "memories.embeddingspace": {"view": Role.ADMIN, "change": Role.OWNER},
    "memories.pendingembedding": {"view": Role.ADMIN},
    "access.project": {"view": Role.GUEST, "add": Role.COLLABORATOR, "change": Role.ADMIN},
    # Members and tokens tell who reaches which project, and are an owner's business.
    "access.member": {"view": Role.OWNER},
    "access.roletoken": {"view": Role.OWNER},
    "access.connectedclient": {"view": Role.OWNER, "add": None, "change": None},  # type: ignore[dict-item]
    "access.auditentry": {"view": Role.ADMIN, "add": None, "change": None, "delete": None},  # type: ignore[dict-item]
    # It shows what each run cost, whoever ran it.
    "runs.run": {"view": Role.ADMIN, "add": None, "change": None},  # type: ignore[dict-item]
    "runs.budget": {"view": Role.COLLABORATOR, "add": Role.ADMIN, "change": Role.ADMIN},
    "runs.modelprice": {"view": Role.ADMIN, "add": Role.ADMIN, "change": Role.ADMIN},
    "requirements_pipeline.requirement": {"view": Role.GUEST, "add": Role.COLLABORATOR, "change": Role.COLLABORATOR},
    "requirements_pipeline.requirementtemplate": {"view": Role.COLLABORATOR},
}


class RolePermissionBackend(ModelBackend):
    """Passwords as Django checks them; permissions from the member's role instead of from permission rows."""

    def has_perm(self, user_obj: Any, perm: str, obj: Model | None = None) -> bool:
        """Whether the member's role reaches the permission `app.deed_model`."""
        if not isinstance(user_obj, Member) or not user_obj.is_active:
            return False
        app, _, codename = perm.partition(".")
        deed, _, model = codename.partition("_")
        needed = MODEL_ROLES.get(f"{app}.{model}", {}).get(deed, Role.OWNER)
        return needed is not None and Role(user_obj.role).includes(needed)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Every active member may open an app's page; its models ask for themselves."""
        return isinstance(user_obj, Member) and user_obj.is_active

    def get_all_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """Not listed one by one: `has_perm` is the only question that is asked."""
        return set()
