"""Projects are named after the repository that work was done in."""

import subprocess

import pytest

from runs.repositories import project_name_of
from zikra_client.projects import place_of


def git(*words: str, at) -> None:
    quiet = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *quiet, *words], cwd=at, check=True, capture_output=True)


def test_a_clone_is_called_as_where_it_was_cloned_from(tmp_path):
    work = tmp_path / "my-copy" / "src" / "deep"
    work.mkdir(parents=True)
    git("init", at=tmp_path / "my-copy")
    assert project_name_of(str(work)) == "my-copy"
    git("remote", "add", "origin", "git@example.com:team/Shop.git", at=tmp_path / "my-copy")
    assert project_name_of(str(work)) == "team/Shop"
    assert place_of(str(work)).repository == "team/Shop"


def test_a_worktree_is_called_as_its_repository(tmp_path):
    (tmp_path / "shop").mkdir()
    git("init", at=tmp_path / "shop")
    git("commit", "--allow-empty", "-m", "x", at=tmp_path / "shop")
    git("worktree", "add", str(tmp_path / "shop-feature"), at=tmp_path / "shop")
    assert project_name_of(str(tmp_path / "shop-feature")) == "shop"


@pytest.mark.parametrize(
    ("directory", "repository", "name"),
    [
        ("/nowhere/ana/shop", "", "shop"),
        ("/nowhere/ana/shop/", "", "shop"),
        ("C:\\work\\shop", "", "shop"),
        ("/nowhere/shop/.claude/worktrees/brave-otter", "", "shop"),
        ("/nowhere/x", "https://example.com/team/shop.git", "team/shop"),
        ("/nowhere/x", "git@example.com:shop", "shop"),
        ("/nowhere/.dotfiles", "", "dotfiles"),
        ("/nowhere/a*b?c", "", "a-b-c"),
        ("/nowhere/…", "", ""),
        ("/nowhere/" + "n" * 300, "", "n" * 100),
        ("/", "", ""),
        ("", "", ""),
    ],
)
def test_names_from_what_the_transcript_tells(directory, repository, name):
    assert project_name_of(directory, repository) == name
