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


def index_terms(memory: Memory, *, had_terms: bool = True) -> None:
    """Make the memory's postings equal to its text and set `term_count` (not saved here).

    had_terms: False spares a new memory the removal of old postings.
    """
    occurred = memory.occurred_at.date() if memory.occurred_at else None
    content = f"{memory.content_md}\n{memory.resolution}" if memory.resolution else memory.content_md
    frequencies, length = term_frequencies(memory.title, content, memory.tags, memory.module, occurred)
    memory.term_count = length
    if had_terms:
        remove_terms(memory)
    if frequencies:
        keys = [term_key(term) for term in frequencies]
        counts = [min(count, MOST_OCCURRENCES) for count in frequencies.values()]
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [memory.project_id, memory.pk, length, keys, counts])


def remove_terms(memory: Memory) -> None:
    """Take a memory out of the keyword index."""
    Posting.objects.filter(memory=memory).delete()


def count_common_terms() -> int:
    """Count anew in how many memories the common terms stand, for each project; answers how many terms are common."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM memories_commonterm")
        cursor.execute(COUNT_COMMON, [COMMON_FROM])
        return cursor.rowcount
