"""What happens to memories in the background."""

from celery import shared_task

from memories import archiving, postings, session_pages, session_rewriting
from memories.embedding import queue, spaces, working


@shared_task(name="memories.embed_pending")
def embed_pending() -> int:
    """Embed all that waits and let a finished new space take over; where another process is at it, that one embeds."""
    queue.clear_signal()
    stored = working.embed_pending_alone()
    spaces.activate_finished_spaces()
    return stored


@shared_task(name="memories.sweep_embeddings")
def sweep_embeddings() -> int:
    """Find what no message announced: a changed setting, a lost message, an embedder that is back."""
    spaces.ensure_wanted_space()
    return embed_pending()


@shared_task(name="memories.count_common_terms")
def count_common_terms() -> int:
    """Refresh the frequencies of common terms that search weighs words by."""
    return postings.count_common_terms()


@shared_task(name="memories.archive_faded")
def archive_faded() -> int:
    """The nightly job: archive what has faded below the threshold."""
    return archiving.archive_faded()


@shared_task(name="memories.write_session_pages")
def write_session_pages() -> int:
    """Write the pages of sessions that have gone on."""
    return session_pages.write_due_pages()


@shared_task(name="memories.rewrite_sessions")
def rewrite_sessions() -> int:
    """Ask the language model, where one is configured, about sessions that have ended."""
    return session_rewriting.rewrite_due()
