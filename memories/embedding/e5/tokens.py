"""Words to the ids of the model's vocabulary, by sentencepiece."""

import re
from typing import Any

import numpy as np
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from memories.embedding.e5.packed import Vocabulary

# Its classes are made while it is imported; no types tell of them.
protocol: Any = sentencepiece_model_pb2
RUNS_OF_SPACES = re.compile(" {2,}")
PIECE = protocol.ModelProto.SentencePiece
# Each piece is a message in the model's field 1: the text in its field 1, the score in 2, the kind in 3. A field begins
# with its number and how it ends: after a length, after four bytes, or with a number's last byte.
AFTER_LENGTH, FOUR_BYTES, NUMBER = 2, 5, 0
HEAD_BYTES, TAIL_BYTES = 4, 7


class Tokenizer:
    """The tokenizer of XLM-RoBERTa: characters are made plain one by one, then cut into the likeliest pieces."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Build the look-up of pieces; takes half a second and 60 MB for 250,000 of them."""
        self._begin, self._end = vocabulary.begin, vocabulary.end
        self._replacements = vocabulary.replacements
        self._pieces = sentencepiece.SentencePieceProcessor(model_proto=serialized_model(vocabulary))

    def content(self, text: str) -> list[int]:
        """The ids of a text, without those that mark its beginning and end."""
        plain = RUNS_OF_SPACES.sub(" ", text.translate(self._replacements))
        return self._pieces.encode(plain)

    def framed(self, content: list[int]) -> list[int]:
        """Ids as the network wants them, with its marks around them."""
        return [self._begin, *content, self._end]


def serialized_model(vocabulary: Vocabulary) -> bytes:
    """The vocabulary as sentencepiece's own file, a serialized ModelProto.

    Written with arrays: a quarter of a million messages one by one would take half a second more at every start.
    """
    lengths = np.diff(vocabulary.offsets).astype(np.int64)
    count = len(lengths)
    if lengths.max() > 127 - HEAD_BYTES - TAIL_BYTES:
        raise ValueError(f"A piece of {lengths.max()} bytes needs a longer length than this writes.")
    before = np.arange(count) * (HEAD_BYTES + TAIL_BYTES)
    starts = vocabulary.offsets[:-1] + before
    written = np.empty(len(vocabulary.blob) + count * (HEAD_BYTES + TAIL_BYTES), dtype=np.uint8)
    written[starts] = 1 << 3 | AFTER_LENGTH
    written[starts + 1] = lengths + HEAD_BYTES - 2 + TAIL_BYTES
    written[starts + 2] = 1 << 3 | AFTER_LENGTH
    written[starts + 3] = lengths
    written[np.arange(len(vocabulary.blob)) + np.repeat(before, lengths) + HEAD_BYTES] = np.frombuffer(
        vocabulary.blob, np.uint8
    )
    tails = starts + HEAD_BYTES + lengths
    written[tails] = 2 << 3 | FOUR_BYTES
    written[tails[:, np.newaxis] + np.arange(1, 5)] = vocabulary.scores.astype("<f4").view(np.uint8).reshape(-1, 4)
    written[tails + 5] = 3 << 3 | NUMBER
    written[tails + 6] = _kinds(vocabulary)
    return written.tobytes() + _settings(vocabulary).SerializeToString()


def _settings(vocabulary: Vocabulary) -> Any:
    """The rest of the file; messages of protobuf that follow each other are one message."""
    trainer = protocol.TrainerSpec(
        model_type=protocol.TrainerSpec.UNIGRAM,
        bos_id=vocabulary.begin,
        eos_id=vocabulary.end,
        pad_id=vocabulary.padding,
        unk_id=vocabulary.unknown,
    )
    # Characters are replaced before, as the model's own table says.
    normalizer = protocol.NormalizerSpec(name="identity", add_dummy_prefix=True, remove_extra_whitespaces=False)
    return protocol.ModelProto(trainer_spec=trainer, normalizer_spec=normalizer)


def _kinds(vocabulary: Vocabulary) -> np.ndarray:
    """What each piece is: those without a probability stand for no text."""
    kinds = np.where(vocabulary.scores == 0, PIECE.CONTROL, PIECE.NORMAL)
    kinds[vocabulary.unknown] = PIECE.UNKNOWN
    return kinds
