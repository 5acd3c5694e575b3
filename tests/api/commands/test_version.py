"""The command `version`."""

from django.conf import settings


def test_every_role_learns_the_version(tell, owner, collaborator, stranger):
    expected = {"version": settings.VERSION, "server": "zikra", "_use_command": "version"}
    assert [tell(person, "version") for person in (owner, collaborator, stranger)] == [expected] * 3


def test_an_alias_is_named_in_the_answer(tell, collaborator):
    assert tell(collaborator, " VER ") == {
        "version": settings.VERSION,
        "server": "zikra",
        "_use_command": "version",
        "_was_alias": True,
        "_raw_command": " VER ",
    }
