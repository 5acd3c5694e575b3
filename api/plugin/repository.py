"""A git repository of one commit, made of files in memory, in the form that `git clone` and `git fetch` ask for.

Git's own documents: gitformat-pack (objects and packs), gitprotocol-http and gitprotocol-pack (what travels). The commit
depends on the files alone: the same files are the same commit wherever they are served.
"""

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["commit", "tree", "blob"]
# Numbers of the kinds of objects in a pack.
IN_A_PACK: dict[Kind, int] = {"commit": 1, "tree": 2, "blob": 3}
FOLDER, PROGRAM, PLAIN = b"40000", b"100755", b"100644"
BRANCH = "refs/heads/main"
# `shallow`: clients that ask for the newest commit alone refuse a server without it. One commit has nothing to cut.
CAPABILITIES = f"shallow symref=HEAD:{BRANCH} object-format=sha1 agent=zikra"
END = b"0000"
PACKET_BYTES = 65_520


@dataclass(frozen=True)
class GitObject:
    """One object as git names and keeps it."""

    kind: Kind
    content: bytes

    @property
    def name(self) -> bytes:
        """Its SHA-1, 20 bytes."""
        head = f"{self.kind} {len(self.content)}\0".encode()
        return hashlib.sha1(head + self.content, usedforsecurity=False).digest()

    @property
    def packed(self) -> bytes:
        """As it stands in a pack: kind and length, 4 bits and then 7 a byte, and the content compressed."""
        length = len(self.content)
        head = [IN_A_PACK[self.kind] << 4 | length & 0x0F]
        length >>= 4
        while length:
            head[-1] |= 0x80
            head.append(length & 0x7F)
            length >>= 7
        return bytes(head) + zlib.compress(self.content)


@dataclass(frozen=True)
class File:
    """A file of the repository. is_program: it may be started."""

    text: str
    is_program: bool = False


class Repository:
    """The repository of some files. files: path -> file, with `/` between folders."""

    def __init__(self, files: Mapping[str, File], author: str, message: str) -> None:
        self._objects: dict[bytes, GitObject] = {}
        tree = self._tree(files)
        # A fixed moment, so that every process of the portal serves the same commit.
        signature = f"{author} 0 +0000"
        text = f"tree {tree.hex()}\nauthor {signature}\ncommitter {signature}\n\n{message}\n"
        self.head = self._added(GitObject("commit", text.encode())).hex()

    def advertisement(self) -> bytes:
        """What a client reads first: the one branch, and where it stands."""
        first = packet("# service=git-upload-pack\n") + END
        return first + packet(f"{self.head} HEAD\0{CAPABILITIES}\n") + packet(f"{self.head} {BRANCH}\n") + END

    def answer(self, asked: bytes) -> bytes:
        """The answer to one request for objects: what the client has is of no use to it, so that it gets all of them.

        Raises ValueError for what is no such request, or asks for another commit.
        """
        lines = list(packets(asked))
        wanted = {line.split()[1].decode() for line in lines if line.startswith(b"want ")}
        if wanted != {self.head}:
            raise ValueError("the request does not ask for the newest commit")
        is_cut = any(line.startswith(b"deepen") for line in lines)
        is_done = b"done" in lines
        negotiates = is_done or any(line.startswith(b"have ") for line in lines)
        return (END if is_cut else b"") + (packet("NAK\n") if negotiates else b"") + (self.pack() if is_done else b"")

    def pack(self) -> bytes:
        """Every object in one pack."""
        packed = b"".join(held.packed for held in self._objects.values())
        body = b"PACK" + (2).to_bytes(4, "big") + len(self._objects).to_bytes(4, "big") + packed
        return body + hashlib.sha1(body, usedforsecurity=False).digest()

    def _tree(self, files: Mapping[str, File]) -> bytes:
        entries: dict[str, tuple[bytes, bytes]] = {}
        folders: dict[str, dict[str, File]] = {}
        for path, file in files.items():
            name, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(name, {})[rest] = file
            else:
                blob = GitObject("blob", file.text.encode())
                entries[name] = (PROGRAM if file.is_program else PLAIN, self._added(blob))
        # Git sorts a folder as if its name ended with a slash.
        entries |= {f"{name}/": (FOLDER, self._tree(held)) for name, held in folders.items()}
        lines = [
            mode + b" " + name.rstrip("/").encode() + b"\0" + held for name, (mode, held) in sorted(entries.items())
        ]
        return self._added(GitObject("tree", b"".join(lines)))

    def _added(self, made: GitObject) -> bytes:
        self._objects[made.name] = made
        return made.name


def packet(text: str) -> bytes:
    """A line of git's protocol: its length with these four digits, in hexadecimal, and itself."""
    return f"{len(text.encode()) + 4:04x}".encode() + text.encode()


def packets(asked: bytes) -> Iterator[bytes]:
    """The lines of a request, without the ends of its parts. Raises ValueError where it is cut or no such request."""
    place = 0
    while place < len(asked):
        length = int(asked[place : place + 4].decode("ascii"), 16)
        if length == 0:
            place += 4
            continue
        if not 4 < length <= PACKET_BYTES or place + length > len(asked):
            raise ValueError("a line of the request has no right length")
        yield asked[place + 4 : place + length].rstrip(b"\n")
        place += length
