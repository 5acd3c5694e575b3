"""The command `comment_requirement`."""

from access.roles import Role
from api.answers import in_utc
from api.arguments import Text
from api.commands.promote_requirement import RequirementReference, referenced_requirement
from api.commands.save_requirement import requirement_subject
from api.registry import Call, CommandResult, ProjectUse, command
from requirements_pipeline.commenting import COMMENT_LENGTH, add_comment


class CommentRequirementArguments(RequirementReference):
    """Which requirement, and what is said about it."""

    synonyms = {**RequirementReference.synonyms, "comment": ("body_md", "body", "text", "message")}

    comment = Text(
        trim=False, max_length=COMMENT_LENGTH, help_text="What to say, in Markdown; @username tells that member."
    )


@command(
    "comment_requirement",
    aliases=["comment"],
    arguments=CommentRequirementArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.READ,
    example={
        "title": "Export invoices as CSV",
        "project": "app",
        "comment": "Which separator does accounting's import expect?",
    },
)
def comment(call: Call) -> CommandResult:
    """Say something about a requirement; its watchers and the members that it mentions are told.

    Answers `id` of the comment, `requirement_id`, `title`, `status`, `by` and `at`.
    """
    found = referenced_requirement(call)
    said = add_comment(call.caller, found, call.arguments["comment"])
    answer = {
        "id": str(said.pk),
        "requirement_id": str(found.pk),
        "title": found.title,
        "status": "saved",
        "by": said.by,
        "at": in_utc(said.at),
    }
    return CommandResult(answer, requirement_subject(found))
