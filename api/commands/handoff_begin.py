"""The command `handoff_begin`."""

from access.roles import Role
from api.arguments import Lines, ProjectArguments, Text, Words, optional_text
from api.handoff_answers import handoff_row, handoff_subject
from api.registry import Call, CommandResult, ProjectUse, command
from api.run_arguments import project_of_run
from runs import handoffs
from runs.models import NAME_LENGTH, SUMMARY_LENGTH
from runs.texts import ENTRIES_AT_MOST


class HandoffBeginArguments(ProjectArguments):
    """What the next session must know."""

    summary = Text(
        max_length=SUMMARY_LENGTH, help_text="What was done, what holds, where to go on; at most 3,000 characters."
    )
    open_questions = Lines(
        entry_length=SUMMARY_LENGTH, max_length=ENTRIES_AT_MOST, help_text="What is not decided yet."
    )
    next_steps = Lines(entry_length=SUMMARY_LENGTH, max_length=ENTRIES_AT_MOST, help_text="What to do next, in order.")
    files_touched = Words(
        entry_length=handoffs.PATH_LENGTH, max_length=handoffs.FILES_AT_MOST, help_text="Paths that matter."
    )
    session_id = optional_text(NAME_LENGTH, help_text="Your own session.")
    agent = optional_text(NAME_LENGTH, help_text="The tool, such as claude-code.")
    cwd = optional_text(handoffs.PATH_LENGTH, help_text="The directory; sessions that start there come first.")
    assign_to = optional_text(
        NAME_LENGTH, help_text="User name of the member whose next session gets it; left out, anybody's."
    )


@command(
    "handoff_begin",
    aliases=["begin_handoff", "hand_off"],
    arguments=HandoffBeginArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.READ,
    example={
        "project": "app",
        "summary": "The CSV export works for invoices; credit notes are still missing.",
        "open_questions": ["Is the header row wanted?"],
        "next_steps": ["Export credit notes", "Write the test for empty months"],
        "files_touched": ["export.py"],
    },
)
def begin(call: Call) -> CommandResult:
    """Leave a handoff for the next session of the project, whatever its agent or machine.

    One session gets it, at its start or by handoff_accept; ones made on purpose come before those that a session's end
    leaves by itself. Answers `handoff`.
    """
    told = call.given("open_questions", "next_steps", "files_touched", "session_id", "agent", "cwd", "assign_to")
    left = handoffs.begin(call.caller, project_of_run(call), call.arguments["summary"], **told)
    return CommandResult({"handoff": handoff_row(left)}, handoff_subject(left))
