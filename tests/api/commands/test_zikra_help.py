"""The command `zikra_help`."""

from api.registry import registry


def test_help_lists_every_command_with_an_example_that_names_it(tell, collaborator):
    answer = tell(collaborator, "help")
    assert [row["command"] for row in answer["commands"]] == registry.names()
    assert [row["example"]["command"] for row in answer["commands"]] == registry.names()
    assert answer["count"] == len(registry.names())


def test_help_of_a_command_has_the_contracted_fields(tell, collaborator):
    version = next(row for row in tell(collaborator, "zikra_help")["commands"] if row["command"] == "version")
    assert version == {
        "command": "version",
        "aliases": ["ver", "server_version"],
        "description": "Tell the server's version.",
        "required": [],
        "optional": [],
        "role": "guest",
        "example": {"command": "version"},
    }
