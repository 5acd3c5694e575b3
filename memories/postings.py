"""The inverted index of the keyword leg: one row for each term of each memory, written with the memory itself."""

from django.db import connection

from memories.analysis import term_frequencies, term_key
from memories.models import Memory, Posting

# A term that stands more often than this in one text says no more; it also fits PostgreSQL's smallint.
MOST_OCCURRENCES = 32_000

INSERT = """
INSERT INTO memories_posting (term_key, project_id, memory_id, frequency)
SELECT key, %s, %s, frequency FROM unnest(%s::bigint[], %s::smallint[]) AS term (key, frequency)
ON CONFLICT DO NOTHING
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
            cursor.execute(INSERT, [memory.project_id, memory.pk, keys, counts])


def remove_terms(memory: Memory) -> None:
    """Take a memory out of the keyword index."""
    Posting.objects.filter(memory=memory).delete()
