"""Errors that agents report: memories of type error, found by search like any other."""

import uuid

from access.callers import Caller
from access.errors import Invalid
from access.models import Project
from memories.models import TITLE_LENGTH, Memory
from memories.saving import save_memory

ERROR_TYPE = "error"


def log_error(
    caller: Caller,
    project: Project,
    *,
    message: str,
    title: str = "",
    error_type: str = "",
    stack_trace: str = "",
    context_md: str = "",
    runner: str = "",
    run_id: uuid.UUID | None = None,
) -> Memory:
    """Keep an error; the same one reported again is one memory, confirmed anew. Raises Invalid for a blank message.

    run_id: the run that met it first.
    """
    if not message.strip():
        raise Invalid("message is required", fields={"message": ["must not be blank"]})
    saved = save_memory(
        caller,
        project,
        ERROR_TYPE,
        title.strip() or _title(message, error_type),
        content_md=_content(message, error_type, stack_trace, context_md),
        created_by=runner or caller.name,
        tags=[error_type] if error_type.strip() else [],
        run_id=run_id,
    )
    return saved.memory


def _title(message: str, error_type: str) -> str:
    """The error's type and the first line of its message."""
    first_line = message.strip().splitlines()[0].strip()
    kind = error_type.strip()
    words = first_line if not kind or first_line.startswith(kind) else f"{kind}: {first_line}"
    return words[:TITLE_LENGTH]


def _content(message: str, error_type: str, stack_trace: str, context_md: str) -> str:
    parts = [message.strip()]
    if error_type.strip():
        parts.append(f"Type: {error_type.strip()}")
    if stack_trace.strip():
        parts.append(f"```\n{stack_trace.strip()}\n```")
    if context_md.strip():
        parts.append(context_md.strip())
    return "\n\n".join(parts)
