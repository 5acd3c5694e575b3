"""What a repository or a directory is called, when a project is to be named after it.

The client on developers' machines (zikra_client/projects.py) names the same work by the same rules, so that imported
sessions and captured ones meet in one project.
"""

import os
import re

from access.models import PROJECT_NAME_LENGTH
from zikra_client.projects import COPIES, as_name, place_of, remote_as_name

NOT_IN_A_NAME = re.compile(r"[^\w.\-:@+ ]+")


def project_name_of(directory: str, repository: str = "") -> str:
    """A project's name for work in a directory: its repository's, else the directory's, "" where neither tells one.

    directory: as the transcript names it; it may not exist here. repository: an address that the transcript tells,
    which names its owner too: `acme/shop`. Where the directory exists, its marker file and repository are asked.
    """
    path = COPIES.sub("", directory)
    told = as_name(remote_as_name(repository))
    if told or not os.path.isdir(path):
        return told or as_project_name(path)
    place = place_of(path)
    return place.project or place.repository


def as_project_name(place: str) -> str:
    """The last part of a path or address, as a project may be called; "" where nothing of it may."""
    last = re.split(r"[/\\:]", place.strip().rstrip("/\\"))[-1].removesuffix(".git")
    return NOT_IN_A_NAME.sub("-", last).lstrip(".-:@+ ").strip()[:PROJECT_NAME_LENGTH].strip()
