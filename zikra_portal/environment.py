"""Settings from the environment, with errors that name the setting."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

# Their values hold passwords, which no error may show.
SECRET_NAMES = ("_URL", "_KEY")


class NamedEnv(environ.Env):
    """As django-environ's Env, but a value that cannot be read is told by its setting's name, in words."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """The value of a setting. Raises ImproperlyConfigured, naming the setting, when it has the wrong form."""
        try:
            return super().get_value(var, *args, **kwargs)
        except (ValueError, ArithmeticError) as error:
            raise ImproperlyConfigured(f"The setting {var} has the wrong form{self._shown(var)}.") from error

    def db_url(self, var: str = "DATABASE_URL", *args: Any, **kwargs: Any) -> Any:
        """A database's address. Raises ImproperlyConfigured without showing it."""
        try:
            return super().db_url(var, *args, **kwargs)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"The setting {var} is no address such as postgresql://user:password@host:5432/database."
            ) from error

    def _shown(self, var: str) -> str:
        return "" if var.endswith(SECRET_NAMES) else f": {str(self.ENVIRON.get(var, ''))[:60]!r}"
