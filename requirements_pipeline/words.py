"""Which requirements hold certain words: PostgreSQL's text search over title, text and acceptance criteria.

The vector is computed by the function `requirement_words` of migration 0007 and stands in an index only, so that
reading a requirement never carries it along.
"""

from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db.models import Func


class RequirementWords(Func):
    """A requirement's words, stemmed, those of its title unstemmed too. Arguments: title, text, criteria."""

    function = "requirement_words"
    arity = 3
    output_field = SearchVectorField()


def asked_words(text: str) -> SearchQuery:
    """The query for all words of a text; nothing in it is syntax.

    Stemmed, so that "exporting" finds "exports"; or word for word, so that a title of stop words alone is found too.
    """
    plain = text.replace("\x00", " ")
    return SearchQuery(plain, config="english") | SearchQuery(plain, config="simple")
