"""One row by a statement of our own: what each request asks before anything else."""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connections, models

M = TypeVar("M", bound=models.Model)


@cache
def _columns(model: type[models.Model]) -> tuple[str, list[str]]:
    """The columns of a model as SQL, and its fields' names in the same order."""
    fields = model._meta.concrete_fields
    converted = [field.name for field in fields if hasattr(field, "from_db_value")]
    if converted:
        raise TypeError(f"{model.__name__} has fields that Django converts from the database: {converted}.")
    table = model._meta.db_table
    return ", ".join(f'{table}."{field.column}"' for field in fields), [field.attname for field in fields]


def first_row(model: type[M], rest: str, arguments: Sequence[Any], using: str) -> M | None:
    """The first row of `SELECT <the model's columns> <rest>`, or None.

    rest: SQL from FROM on, in which the model's table stands under its own name. Composing such a statement from the
    model takes three times as long as answering it, and `raw()` still half as long. Raises TypeError for a model with
    fields that Django converts.
    """
    columns, names = _columns(model)
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT {columns} {rest}", arguments)
        row = cursor.fetchone()
    return None if row is None else model.from_db(using, names, row)
