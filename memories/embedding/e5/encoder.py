"""Texts to vectors: tokens, windows of them, the network, one vector of length 1."""

import ctypes
import os
from functools import cache
from typing import Any

import numpy as np
import onnxruntime

from memories.embedding.e5.network import EMBEDDED_TOKENS, MEANING, serialized_network
from memories.embedding.e5.packed import PackedModel, packed_model
from memories.embedding.e5.tokens import Tokenizer

CORES = os.cpu_count() or 1
# Tokens that the network adds to a window: its beginning and its end.
MARKS = 2


class E5Encoder:
    """multilingual-e5-small; one of it serves every thread of a process."""

    def __init__(self, model: PackedModel, tokenizer: Tokenizer, network: bytes) -> None:
        """Load the network; takes 50 ms and 30 MB."""
        self._tokenizer = tokenizer
        self._longest = model.sizes.positions - MARKS
        self._words = model.matrix("emb.word", model.sizes.hidden)
        positions = model.floats("emb.pos").reshape(-1, model.sizes.hidden)
        # Every token is of the first of two types: sentence pairs are not embedded.
        self._positions = positions + model.floats("emb.type")[: model.sizes.hidden]
        self._session = onnxruntime.InferenceSession(network, _options(), providers=["CPUExecutionProvider"])

    def vector(self, text: str) -> np.ndarray:
        """The meaning of a text that begins with `query: ` or `passage: `: (hidden,) float32 of length 1.

        A text of more than 510 tokens is cut into windows of so many, and the means of the windows are averaged by
        their tokens. Other threads run meanwhile.
        """
        content = self._tokenizer.content(text)
        windows = [content[start : start + self._longest] for start in range(0, len(content) or 1, self._longest)]
        meanings = [self._meaning(window) for window in windows]
        mean = np.average(meanings, axis=0, weights=[len(window) or 1 for window in windows])
        return (mean / np.linalg.norm(mean)).astype(np.float32)

    def token_count(self, text: str) -> int:
        """The tokens of a text with the marks around them, as if the network took any number at once."""
        return len(self._tokenizer.content(text)) + MARKS

    def _meaning(self, window: list[int]) -> np.ndarray:
        """The mean of what the network makes of a window's tokens."""
        ids = np.array(self._tokenizer.framed(window))
        embedded = self._words.rows(ids) + self._positions[: len(ids)]
        (meaning,) = self._session.run([MEANING], {EMBEDDED_TOKENS: embedded[np.newaxis]})
        return meaning[0]


@cache
def loaded_model() -> tuple[PackedModel, Tokenizer, bytes]:
    """What processes can share when it is loaded before they part. Raises UnreadableModel, OSError."""
    model = packed_model()
    loaded = model, Tokenizer(model.vocabulary), serialized_network(model)
    _give_back_freed_memory()
    return loaded


@cache
def encoder() -> E5Encoder:
    """The encoder of this process; made after processes parted, for its threads do not survive that."""
    made = E5Encoder(*loaded_model())
    _give_back_freed_memory()
    return made


def _give_back_freed_memory() -> None:
    """What loading needed for a moment stays with the process otherwise: 80 MB of glibc's."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _options() -> Any:
    options = onnxruntime.SessionOptions()
    # Every core for a question that comes alone; threads that call at once share them without waiting for each other.
    options.intra_op_num_threads = CORES
    options.inter_op_num_threads = 1
    # Idle threads sleep: spinning took twice the processor time and won half a millisecond.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Texts come in every length; a plan of memory would be kept for each.
    options.enable_mem_pattern = False
    return options
