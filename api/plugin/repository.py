"""A git repository of one commit, made of files in memory and told by git's smart protocol; dulwich speaks it.

The commit depends on the files alone: the same files are the same commit wherever they are served.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import cast

from dulwich.errors import GitProtocolError, HangupException, ObjectFormatException
from dulwich.objects import Blob, Commit, ShaFile, Tree
from dulwich.protocol import ReceivableProtocol
from dulwich.refs import Ref
from dulwich.repo import MemoryRepo
from dulwich.server import BackendRepo, DictBackend, UploadPackHandler

SERVICE = "git-upload-pack"
FOLDER, PROGRAM, PLAIN = 0o040000, 0o100755, 0o100644
HEAD, BRANCH = b"HEAD", b"refs/heads/main"
# What dulwich raises for requests that are none, or that ask for what is not there.
NO_REQUEST = (GitProtocolError, HangupException, ObjectFormatException, ValueError, KeyError, AssertionError)


@dataclass(frozen=True)
class File:
    """A file of the repository. is_program: it may be started."""

    text: str
    is_program: bool = False


class Repository:
    """The repository of some files. files: path -> file, with `/` between folders."""

    def __init__(self, files: Mapping[str, File], author: str, message: str) -> None:
        objects: list[ShaFile] = []
        commit = Commit()
        commit.tree = _tree(files, objects).id
        commit.author = commit.committer = author.encode()
        # A fixed moment, so that every process of the portal serves the same commit.
        commit.author_time = commit.commit_time = 0
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = f"{message}\n".encode()
        self.head = commit.id.decode()
        self._repository = MemoryRepo.init_bare([*objects, commit], {Ref(BRANCH): commit.id})
        self._repository.refs.set_symbolic_ref(Ref(HEAD), Ref(BRANCH))
        # dulwich's store in memory is one thread's.
        self._lock = threading.Lock()

    def advertisement(self) -> bytes:
        """What a client reads first: the one branch, and where it stands."""
        written = BytesIO()
        handler = self._handler(b"", written, is_first=True)
        handler.proto.write_pkt_line(f"# service={SERVICE}\n".encode())
        handler.proto.write_pkt_line(None)
        handler.handle()
        return written.getvalue()

    def answer(self, asked: bytes) -> bytes:
        """The answer to one request for objects. Raises ValueError for what is no such request, or asks for another
        commit."""
        written = BytesIO()
        try:
            with self._lock:
                self._handler(asked, written, is_first=False).handle()
        except NO_REQUEST as error:
            raise ValueError(f"{type(error).__name__} {error}".strip()) from None
        if not written.getvalue():
            raise ValueError("it asks for nothing")
        return written.getvalue()

    def _handler(self, asked: bytes, written: BytesIO, *, is_first: bool) -> UploadPackHandler:
        protocol = ReceivableProtocol(BytesIO(asked).read, written.write)
        backend = DictBackend(cast("dict[str, BackendRepo]", {"/": self._repository}))
        return UploadPackHandler(backend, ["/"], protocol, stateless_rpc=True, advertise_refs=is_first)


def _tree(files: Mapping[str, File], objects: list[ShaFile]) -> Tree:
    """The tree of some files; it and all that it holds are added to the objects."""
    tree = Tree()
    folders: dict[str, dict[str, File]] = {}
    for path, file in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = file
            continue
        blob = Blob.from_string(file.text.encode())
        objects.append(blob)
        tree.add(name.encode(), PROGRAM if file.is_program else PLAIN, blob.id)
    for name, held in folders.items():
        tree.add(name.encode(), FOLDER, _tree(held, objects).id)
    objects.append(tree)
    return tree
