"""`search` and `fetch`: the two tools by which ChatGPT's connectors and deep research read, in the shapes they want.

https://developers.openai.com/api/docs/mcp: `search` takes a query and answers results with id, title and url; `fetch`
takes such an id and answers id, title, text, url and metadata; both as JSON in one text and as structured content.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.commands.search import MOST_TOKENS
from api.mcp.visits import Visit

RESULTS = 20
TEXT = {"type": "string"}
READS = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False}


@dataclass(frozen=True)
class Connector:
    """A tool of a fixed shape over one of our commands."""

    command_name: str
    definition: dict[str, Any]
    arguments: Callable[[dict[str, Any]], dict[str, Any]]
    shape: Callable[[Visit, dict[str, Any]], dict[str, Any]]

    @property
    def name(self) -> str:
        """The tool's name."""
        return str(self.definition["name"])


def _search_arguments(sent: dict[str, Any]) -> dict[str, Any]:
    # Answers hold no snippets, so no budget of text bounds them.
    query = {"query": sent["query"]} if "query" in sent else {}
    return {**query, "limit": RESULTS, "max_tokens": MOST_TOKENS}


def _search_shape(visit: Visit, answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "results": [
            {"id": row["id"], "title": row["title"], "url": visit.memory_page(row["id"])} for row in answer["results"]
        ]
    }


def _fetch_arguments(sent: dict[str, Any]) -> dict[str, Any]:
    return {"id": sent["id"]} if "id" in sent else {}


def _fetch_shape(visit: Visit, answer: dict[str, Any]) -> dict[str, Any]:
    facts = {
        "memory_type": answer["memory_type"],
        "project": answer["project"],
        "module": answer["module"],
        "tags": ", ".join(answer["tags"]),
        "created_by": answer["created_by"],
        "updated_at": answer["updated_at"],
        "confidence": f"{answer['confidence_score']:.2f}",
    }
    return {
        "id": answer["id"],
        "title": answer["title"],
        "text": answer["content_md"],
        "url": visit.memory_page(answer["id"]),
        "metadata": {name: value for name, value in facts.items() if value},
    }


def _schema(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


CONNECTORS = (
    Connector(
        command_name="search",
        definition={
            "name": "search",
            "title": "Search",
            "description": "Search the team's memory by meaning and words, best first; `fetch` reads a result by its id. "
            "For clients that need this name; zikra_search can do more.",
            "inputSchema": _schema({"query": {**TEXT, "description": "What to look for, in any words."}}),
            "outputSchema": _schema(
                {"results": {"type": "array", "items": _schema({"id": TEXT, "title": TEXT, "url": TEXT})}}
            ),
            "annotations": {"title": "Search", **READS},
        },
        arguments=_search_arguments,
        shape=_search_shape,
    ),
    Connector(
        command_name="get_memory",
        definition={
            "name": "fetch",
            "title": "Fetch",
            "description": "Read one memory in full, by the id that `search` answered. For clients that need this name; "
            "zikra_get_memory can do more.",
            "inputSchema": _schema({"id": {**TEXT, "description": "The id of a result."}}),
            "outputSchema": _schema(
                {
                    "id": TEXT,
                    "title": TEXT,
                    "text": TEXT,
                    "url": TEXT,
                    "metadata": {"type": "object", "additionalProperties": TEXT},
                }
            ),
            "annotations": {"title": "Fetch", **READS},
        },
        arguments=_fetch_arguments,
        shape=_fetch_shape,
    ),
)
