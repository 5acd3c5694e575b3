"""Refusals in words. Every door turns them into its own envelope; nothing has changed when one is raised."""

from typing import Any

from access.roles import Role


class Refusal(Exception):
    """A call that was not done. `status` is the HTTP status, `fields()` the answer's body."""

    status = 400
    outcome = "invalid"

    def __init__(self, message: str, /, *, hint: str = "", **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.extra = extra

    def fields(self) -> dict[str, Any]:
        """The JSON body that tells the reader what was wrong and what to do."""
        body: dict[str, Any] = {"error": self.message, **self.extra}
        if self.hint:
            body["hint"] = self.hint
        return body


class Invalid(Refusal):
    """The input breaks a rule. Give `fields={name: [problems]}` where a field is to blame."""


class BudgetSpent(Refusal):
    """A project's budget for the month is spent, and its leads chose that no new run starts then."""

    status = 402
    outcome = "refused"


class NotFound(Refusal):
    """There is no such thing in the caller's sight; whether it exists elsewhere is not told."""

    status = 404


class Conflict(Refusal):
    """The thing is not in a state that allows it, or somebody else was first."""

    status = 409


class Forbidden(Refusal):
    """The caller's role is too weak."""

    status = 403
    outcome = "refused"

    def __init__(self, needed: Role, *, hint: str = "") -> None:
        super().__init__("insufficient permissions", hint=hint, required_role=needed.value)


class OutOfScope(Refusal):
    """A project was named that the token does not reach."""

    status = 403
    outcome = "refused"

    def __init__(self, project_scope: list[str], requested: str) -> None:
        super().__init__(
            "token_scope_mismatch",
            project_scope=project_scope,
            requested_project=requested,
            message=f"This token reaches {', '.join(project_scope) or 'no project'}, not '{requested}'.",
            hint="Name a project of the scope, leave `project` out, or ask an owner to widen the token.",
        )


class TooManyCalls(Refusal):
    """The token's rate is over; `retry_after` is in whole seconds."""

    status = 429
    outcome = "refused"

    def __init__(self, rate_per_minute: int, retry_after: int) -> None:
        super().__init__(
            f"Rate limit of {rate_per_minute} commands a minute is reached.",
            hint=f"Try again in {retry_after} s, or ask an owner for a higher rate.",
            retry_after=retry_after,
        )
        self.retry_after = retry_after


def refusal_in_words(refusal: Refusal) -> str:
    """One or two sentences for a page."""
    if isinstance(refusal, Forbidden):
        return f"Your role does not allow this; it needs the role {refusal.extra['required_role']}."
    return " ".join(filter(None, [str(refusal.extra.get("message") or refusal.message), refusal.hint]))
