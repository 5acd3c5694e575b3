"""Texts to vectors: tokens, windows of them, the network, one vector of length 1."""

import ctypes
import threading
from functools import cache
from typing import Any

import numpy as np
import onnxruntime

from memories.embedding.e5.network import EMBEDDED_TOKENS, MEANING, serialized_network
from memories.embedding.e5.packed import PackedModel, packed_model
from memories.embedding.e5.tokens import Tokenizer

# Tokens that the network adds to a window: its beginning and its end.
MARKS = 2
# ONNX Runtime makes one operator of a sum and its normalisation, which takes three to four times as long as the two: a fifth
# of all that the network takes. Measured with 1.32 by turns, texts of 16 to 100 tokens.
SLOWER_IN_ONE = "SkipLayerNormFusion"
_LOADING = threading.Lock()


class E5Encoder:
    """multilingual-e5-small; one of it serves every thread of a process."""

    def __init__(self, model: PackedModel) -> None:
        """Load vocabulary and network."""
        self._tokenizer = Tokenizer(model.vocabulary)
        self._longest = model.sizes.positions - MARKS
        self._words = model.matrix("emb.word", model.sizes.hidden)
        positions = model.floats("emb.pos").reshape(-1, model.sizes.hidden)
        # Every token is of the first of two types: sentence pairs are not embedded.
        self._positions = positions + model.floats("emb.type")[: model.sizes.hidden]
        self._session = onnxruntime.InferenceSession(
            serialized_network(model),
            _options(),
            providers=["CPUExecutionProvider"],
            disabled_optimizers=[SLOWER_IN_ONE],
        )

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


def encoder() -> E5Encoder:
    """The encoder of this process, and of those that part from it later: it has no threads of its own.

    Loading takes a second; threads that ask meanwhile wait for it. Raises UnreadableModel, and what ONNX Runtime raises.
    """
    with _LOADING:
        return _loaded()


@cache
def _loaded() -> E5Encoder:
    made = E5Encoder(packed_model())
    _give_back_freed_memory()
    return made


def _give_back_freed_memory() -> None:
    """What loading needed for a moment stays with the process otherwise, tens of megabytes of it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _options() -> Any:
    options = onnxruntime.SessionOptions()
    # Of a text's short products two cores make no more than one. Those who ask at once run beside each other.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Texts come in every length; a plan of memory would be kept for each.
    options.enable_mem_pattern = False
    return options
