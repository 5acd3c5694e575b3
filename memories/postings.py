"""The inverted index of the keyword leg: one row for each term of each memory, written with the memory itself."""

from django.db import connection, transaction

from memories.analysis import term_frequencies, term_key
from memories.models import Memory, Posting

# A term that stands more often than this in one text says no more; it also fits PostgreSQL's smallint.
MOST_OCCURRENCES = 32_000

INSERT = """
INSERT INTO memories_posting (term_key, project_id, memory_id, frequency, length)
SELECT key, %s, %s, frequency, %s FROM unnest(%s::bigint[], %s::smallint[]) AS term (key, frequency)
ON CONFLICT DO NOTHING
"""

# From here on a term's exact frequency hardly changes its weight, and counting it in each search would cost more.
COMMON_FROM = 1_000

COUNT_COMMON = """
INSERT INTO memories_commonterm (term_key, project_id, documents)
SELECT term_key, project_id, count(*) FROM memories_posting GROUP BY term_key, project_id HAVING count(*) >= %s
"""


def index_terms(memory: Memory) -> None:
    """Make the postings of a memory that has been here before equal to its text, and set `term_count` (not saved here)."""
    terms = count_terms(memory)
    remove_terms(memory)
    post_terms(memory, terms)


def count_terms(memory: Memory) -> dict[int, int]:
    """How often each term stands in a memory's text, by its key; sets `term_count` (not saved here)."""
    occurred = memory.occurred_at.date() if memory.occurred_at else None
    content = f"{memory.content_md}\n{memory.resolution}" if memory.resolution else memory.content_md
    frequencies, memory.term_count = term_frequencies(memory.title, content, memory.tags, memory.module, occurred)
    return {term_key(term): min(count, MOST_OCCURRENCES) for term, count in frequencies.items()}


def post_terms(memory: Memory, terms: dict[int, int]) -> None:
    """Put a stored memory that has no postings into the keyword index: terms as `count_terms` answered them."""
    if terms:
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [memory.project_id, memory.pk, memory.term_count, list(terms), list(terms.values())])


def remove_terms(memory: Memory) -> None:
    """Take a memory out of the keyword index."""
    Posting.objects.filter(memory=memory).delete()


def count_common_terms() -> int:
    """Count anew in how many memories the common terms stand, for each project; answers how many terms are common."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM memories_commonterm")
        cursor.execute(COUNT_COMMON, [COMMON_FROM])
        return cursor.rowcount
