"""The fixtures that all tests of doors stand on."""


def test_the_three_people_have_the_scopes_their_names_say(owner, collaborator, stranger):
    assert owner.caller.project_ids is None
    assert collaborator.caller.project_names == ("app",)
    assert stranger.caller.project_names == ("skunkworks",)
