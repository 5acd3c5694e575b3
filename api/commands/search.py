"""The command `search`."""

from access.roles import Role
from api.answers import search_row
from api.arguments import ClampedNumber, Flag, Moment, OfRun, ProjectArguments, Text, Words, optional_text
from api.registry import Call, CommandResult, ProjectUse, command
from api.uses import note_given, run_that_asks
from memories.models import NAME_LENGTH, TAG_LENGTH, UseKind
from memories.search import DEFAULT_LIMIT, DEFAULT_MAX_TOKENS, LIMIT_AT_MOST, QUERY_CHARACTERS, search

# More than any model's context; a budget beyond it is none.
MOST_TOKENS = 1_000_000


class SearchArguments(ProjectArguments, OfRun):
    """A question, and what bounds the answer."""

    synonyms = {"query": ("q", "text"), "memory_type": ("memory_types", "type")}

    query = Text(max_length=QUERY_CHARACTERS, help_text="What to look for, in any words; `*` only counts.")
    limit = ClampedNumber(1, LIMIT_AT_MOST, default=DEFAULT_LIMIT, help_text="Results at most, 1 to 100.")
    max_tokens = ClampedNumber(
        1, MOST_TOKENS, default=DEFAULT_MAX_TOKENS, help_text="Budget over titles and snippets, in characters / 4."
    )
    memory_type = Words(entry_length=40, fold=True, help_text="One type or a list of types.")
    tags = Words(entry_length=TAG_LENGTH, allow_null=True, help_text="Tags that a memory must all have.")
    module = optional_text(NAME_LENGTH, help_text="Module that a memory must belong to.")
    since = Moment(required=False, help_text="Changed at this time or later.")
    until = Moment(required=False, help_text="Changed at this time or earlier.")
    include_archived = Flag(default=False, help_text="Find faded memories too.")
    explain = Flag(default=False, help_text="Show the parts of each score.")


@command(
    "search",
    aliases=["find", "query", "recall", "lookup", "search_memory", "find_memory", "retrieve", "remember"],
    arguments=SearchArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.READ,
    example={"query": "why did we choose PostgreSQL", "project": "app", "limit": 5},
    idempotent=True,
)
def search_memories(call: Call) -> CommandResult:
    """Find memories by meaning and by words, best first.

    Answers `results` (each with `id`, `title`, `snippet`, `memory_type`, `project`, `module`, `score` 0 to 1,
    `created_at`, `updated_at`, `access_count`, `confidence_score`, `tags`), `count`, `total` (the searchable
    memories in sight) and `tokens_used`. Without an embedding `degraded` is true, `warning` says why, and results come from keywords only.
    While memories in sight wait for their embedding, `pending_embeddings` says how many (of the portal's newest 1,000
    that wait): they are found by their words already, and by meaning soon.
    """
    asked = call.arguments
    asking = run_that_asks(call)
    answer = search(
        call.caller,
        asked["query"],
        project_ids=call.project_ids,
        memory_types=asked.get("memory_type", ()),
        tags=asked.get("tags") or (),
        **call.given("limit", "max_tokens", "module", "since", "until", "include_archived", "explain"),
    )
    note_given(asking, [result.memory.pk for result in answer.results], UseKind.SEARCH)
    body = {
        "results": [search_row(result, explain=asked["explain"]) for result in answer.results],
        "count": len(answer.results),
        "total": answer.total,
        "tokens_used": answer.tokens_used,
    }
    if answer.waiting:
        body["pending_embeddings"] = answer.waiting
    if answer.degraded:
        body |= {"degraded": True, "warning": answer.warning}
    return CommandResult(body)
