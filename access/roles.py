"""The four roles, weakest first, and the words that people and old clients use for them."""

from django.db import models


class Role(models.TextChoices):
    """What somebody may do; each role may do all that a weaker one may.

    A guest reads; a collaborator also saves, logs and writes requirements; an admin also deletes, restores, curates
    and sees everybody's costs; an owner also promotes requirements, makes and scopes tokens, and edits roles.
    """

    GUEST = "guest", "Guest"
    COLLABORATOR = "collaborator", "Collaborator"
    ADMIN = "admin", "Admin"
    OWNER = "owner", "Owner"

    @property
    def rank(self) -> int:
        """Strength of the role: 0 for a guest up to 3 for an owner."""
        return ROLE_ORDER.index(self)

    def includes(self, needed: "Role") -> bool:
        """Whether somebody of this role may do what `needed` may."""
        return self.rank >= needed.rank


ROLE_ORDER = [Role.GUEST, Role.COLLABORATOR, Role.ADMIN, Role.OWNER]

# Words of the original Zikra, understood on input only.
ROLE_SYNONYMS = {"viewer": Role.GUEST, "developer": Role.COLLABORATOR}


def role_named(word: str) -> Role:
    """The role that a word means, synonyms included; case and outer blanks do not matter.

    Raises ValueError naming the word when it means no role.
    """
    folded = word.strip().casefold()
    if folded in ROLE_SYNONYMS:
        return ROLE_SYNONYMS[folded]
    try:
        return Role(folded)
    except ValueError:
        raise ValueError(f"Invalid role '{word}'.") from None
