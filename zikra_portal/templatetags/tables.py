"""Template tags for tables; templates/tables/table.html says how the pieces fit together."""

from typing import Any

from django import template
from django.template import Context

from zikra_portal.tables import Sorting

register = template.Library()


@register.inclusion_tag("tables/heading.html", takes_context=True)
def heading(context: Context, sorting: Sorting, name: str) -> dict[str, Any]:
    """The heading of a column that can be sorted by."""
    column = next(column for column in sorting.columns if column.name == name)
    words = context["request"].GET.copy()
    # A form that was sent without JavaScript leaves words without a value.
    for name in [name for name, value in words.items() if not value]:
        del words[name]
    words["sort"] = sorting.next_word(column)
    words.pop("page", None)
    return {"column": column, "direction": sorting.direction(column), "address": f"?{words.urlencode()}"}
