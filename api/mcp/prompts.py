"""The team's prompts as prompts of the protocol: each under one word that a person can type after a slash."""

from typing import Any

from mcp_types.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS

from api.arguments import printable
from api.mcp.messages import ProtocolError
from api.mcp.pages import PAGE_SIZE, bad_cursor, cursor_of, place_in
from api.mcp.visits import Visit
from memories.prompts import prompts_by_word


def list_prompts(visit: Visit, cursor: str | None) -> dict[str, Any]:
    """One page of the prompts in the caller's sight, by title."""
    named = list(prompts_by_word(visit.caller).items())
    first = _first(cursor) if cursor is not None else 0
    page: dict[str, Any] = {
        "prompts": [
            {"name": word, "title": prompt.title, "description": f"A prompt of {prompt.project.name}."}
            for word, prompt in named[first : first + PAGE_SIZE]
        ]
    }
    if len(named) > first + PAGE_SIZE:
        page["nextCursor"] = cursor_of([first + PAGE_SIZE])
    return page


def get_prompt(visit: Visit, word: str) -> dict[str, Any]:
    """A prompt's text as the message of a user. Raises ProtocolError for one that is not in the caller's list."""
    prompt = prompts_by_word(visit.caller).get(word)
    if prompt is None:
        raise ProtocolError(INVALID_PARAMS, f"Unknown prompt: {printable(word, 60)}")
    answer = visit.run("get_prompt", {"id": str(prompt.pk), "prompt_name": prompt.title})
    if answer.status != 200:
        raise ProtocolError(INTERNAL_ERROR, str(answer.body.get("error")), status=answer.status, headers=answer.headers)
    return {
        "description": prompt.title,
        "messages": [{"role": "user", "content": {"type": "text", "text": answer.body["content_md"]}}],
    }


def _first(cursor: str) -> int:
    place = place_in(cursor)
    if len(place) != 1 or type(place[0]) is not int or place[0] < 1:
        raise bad_cursor()
    return place[0]
