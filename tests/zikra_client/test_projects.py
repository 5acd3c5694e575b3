"""Which project a directory's work belongs to."""

import pytest

from zikra_client.projects import as_name, place_of, remote_as_name


def repository(path, *remotes):
    (path / ".git").mkdir(parents=True)
    (path / ".git" / "HEAD").write_text("ref: refs/heads/feature/login\n")
    sections = [f'[remote "{name}"]\n\turl = {url}\n\tfetch = +refs/heads/*\n' for name, url in remotes]
    (path / ".git" / "config").write_text("[core]\n\tbare = false\n" + "".join(sections))
    return path


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("git@github.com:acme/app.git", "acme/app"),
        ("https://ana:hunter22@github.com:443/acme/app.git/", "acme/app"),
        ("ssh://git@git.example.com:2222/group/sub/app", "group/sub/app"),
        ("/srv/git/app.git", "app"),
        ("../app", "app"),
        ("", ""),
    ],
)
def test_a_remote_names_the_same_project_however_it_was_cloned(address, name):
    assert remote_as_name(address) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [(".dotfiles", "dotfiles"), ("a b\tc", "a b-c"), ("äpp/x", "äpp/x"), ("//", ""), ("x" * 300, "x" * 100)],
)
def test_any_text_becomes_a_name_or_none(text, name):
    assert as_name(text) == name


def test_two_repositories_in_folders_of_one_name_are_two_projects(tmp_path):
    first = repository(tmp_path / "a" / "app", ("origin", "git@github.com:acme/app.git"))
    second = repository(tmp_path / "b" / "app", ("origin", "https://github.com/other/app"))
    assert [place_of(str(folder)).repository for folder in (first, second)] == ["acme/app", "other/app"]


def test_upstream_goes_before_origin_and_a_directory_below_belongs_to_it(tmp_path):
    app = repository(tmp_path / "app", ("origin", "git@h:ana/fork.git"), ("upstream", "git@h:acme/app.git"))
    (app / "src" / "deep").mkdir(parents=True)
    place = place_of(str(app / "src" / "deep"))
    assert (place.project, place.repository, place.branch) == ("", "acme/app", "feature/login")


def test_a_working_copy_beside_meets_its_repository(tmp_path):
    app = repository(tmp_path / "app", ("origin", "git@h:acme/app.git"))
    own = app / ".git" / "worktrees" / "hotfix"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/hotfix\n")
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    (copy / ".git").write_text(f"gitdir: {own}\n")
    place = place_of(str(copy))
    assert (place.repository, place.branch) == ("acme/app", "hotfix")


def test_where_no_repository_is_the_directory_gives_the_name(tmp_path):
    (tmp_path / "notes").mkdir()
    assert place_of(str(tmp_path / "notes")).repository == "notes"


def test_a_marker_file_chooses_and_the_nearest_counts(tmp_path):
    (tmp_path / ".zikra.toml").write_text("project = 'outer'\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / ".zikra.toml").write_text(
        '# ours\nproject = "shop"\nserver = "https://portal.example.com"\n[capture]\nignore_paths = [\n  "secrets/*",\n  "*.pem",\n]\n'
    )
    place = place_of(str(inner), default_project="from the installer")
    assert (place.project, place.server, place.ignore_paths) == (
        "shop",
        "https://portal.example.com",
        ("secrets/*", "*.pem"),
    )
    assert [place.leaves_out(path) for path in ("/x/secrets/a.txt", "/x/key.pem", "/x/main.py", "")] == [
        True,
        True,
        False,
        False,
    ]
    assert place_of(str(tmp_path)).project == "outer"


def test_the_installers_project_stands_where_no_marker_does(tmp_path):
    assert place_of(str(repository(tmp_path / "app", ("origin", "git@h:acme/app.git"))), "shop").project == "shop"
