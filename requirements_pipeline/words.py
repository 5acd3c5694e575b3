"""Which requirements hold certain words: PostgreSQL's text search over title, text and acceptance criteria.

The words stand in a column of their own, which PostgreSQL generates (migration 0009) and Django's model leaves out, so
that reading or saving a requirement never carries them along.
"""

from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db.models import Expression
from django.db.models.expressions import Col

COLUMN = "words"


class RequirementWords(Expression):
    """The column of a requirement's words, stemmed, those of its title unstemmed too, and weighing most."""

    output_field = SearchVectorField()

    def resolve_expression(self, query: Any = None, *arguments: Any, **named: Any) -> Col:  # type: ignore[override]
        """The column in the query's own table, whatever alias that has."""
        return Col(query.get_initial_alias(), _column())


def _column() -> SearchVectorField:
    """The column as Django writes it into SQL; it is no field of a model."""
    field = SearchVectorField()
    field.column = COLUMN
    return field


def asked_words(text: str) -> SearchQuery:
    """The query for all words of a text; nothing in it is syntax.

    Stemmed, so that "exporting" finds "exports"; or word for word, so that a title of stop words alone is found too.
    """
    plain = text.replace("\x00", " ")
    return SearchQuery(plain, config="english") | SearchQuery(plain, config="simple")
