"""The encoder as an ONNX graph whose weights stay in their 4 bits.

ONNX Runtime multiplies them with activations of 8 bits, each block of 32 with a scale of its own: the arithmetic of the
wheel's own engine, with the widest instructions that the processor has.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from memories.embedding.e5.packed import BLOCK, PackedModel

EMBEDDED_TOKENS = "tokens"
MEANING = "meaning"
# Contributed operators of ONNX Runtime: products with packed weights, attention, normalisation of a sum.
CONTRIBUTED = "com.microsoft"
OPSETS = [helper.make_opsetid("", 20), helper.make_opsetid(CONTRIBUTED, 1)]
IR_VERSION = 10
# Activations are multiplied in 8 bits; lower levels multiply in 16 or 32.
IN_EIGHT_BITS = 4


def serialized_network(model: PackedModel) -> bytes:
    """The graph, serialized: from the embeddings of one text's tokens, (1, tokens, hidden), to their mean, (1, hidden)."""
    return _Network(model).serialized()


class _Network:
    """A graph in the making."""

    def __init__(self, model: PackedModel) -> None:
        self._model = model
        # Written in place: each message that is handed to another one is copied with all its weights.
        self._proto = onnx.ModelProto(ir_version=IR_VERSION, opset_import=OPSETS)
        self._graph = self._proto.graph

    def serialized(self) -> bytes:
        sizes = self._model.sizes
        last = self._normalised("emb.ln", EMBEDDED_TOKENS)
        for layer in range(sizes.layers):
            last = self._layer(f"l{layer}", last)
        axes = self._constant("axis of tokens", np.array([1]))
        self._node("ReduceMean", [last, axes], MEANING, keepdims=0)
        self._graph.name = "multilingual-e5-small"
        self._graph.input.append(_value(EMBEDDED_TOKENS, [1, "count", sizes.hidden]))
        self._graph.output.append(_value(MEANING, [1, sizes.hidden]))
        return self._proto.SerializeToString()

    def _layer(self, name: str, before: str) -> str:
        """Attention of every token to every other, then two products; after each what came before is added."""
        sizes = self._model.sizes
        together = self._product(f"{name}.qkv", before, [f"{name}.{part}" for part in "qkv"], sizes.hidden)
        parts = [f"{name}.queries", f"{name}.keys", f"{name}.values"]
        lengths = self._constant(f"{name}.qkv lengths", np.array([sizes.hidden] * 3))
        self._graph.node.append(helper.make_node("Split", [together, lengths], parts, axis=-1))
        seen = self._node("MultiHeadAttention", parts, f"{name}.seen", CONTRIBUTED, num_heads=sizes.heads)
        attended = self._product(f"{name}.attended", seen, [f"{name}.ao"], sizes.hidden)
        middle = self._normalised(f"{name}.aln", attended, before)
        wide = self._product(f"{name}.wide", middle, [f"{name}.fi"], sizes.hidden)
        bent = self._node("Gelu", [wide], f"{name}.bent")
        narrow = self._product(f"{name}.narrow", bent, [f"{name}.fo"], sizes.feed_forward)
        return self._normalised(f"{name}.oln", narrow, middle)

    def _product(self, name: str, of: str, weights: list[str], columns: int) -> str:
        """The products with one or more matrices, side by side, and their biases."""
        matrices = [self._model.matrix(f"{weight}.w", columns) for weight in weights]
        steps = np.concatenate([matrix.steps() for matrix in matrices])
        scales = np.concatenate([matrix.scales() for matrix in matrices])
        bias = np.concatenate([self._model.floats(f"{weight}.b") for weight in weights])
        # Two neighbours share a byte, the first one in its low half.
        packed = steps[:, :, 0::2] | steps[:, :, 1::2] << 4
        inputs = [
            of,
            self._constant(f"{name} weights", packed),
            self._constant(f"{name} scales", scales),
            "",  # the zero point is 8 unless told otherwise
            "",
            self._constant(f"{name} bias", bias),
        ]
        sizes = {"K": columns, "N": len(steps), "bits": 4, "block_size": BLOCK}
        return self._node("MatMulNBits", inputs, name, CONTRIBUTED, **sizes, accuracy_level=IN_EIGHT_BITS)

    def _normalised(self, name: str, of: str, added: str | None = None) -> str:
        """Each token brought to mean 0 and variance 1, then scaled and shifted as was learnt."""
        learnt = [self._constant(f"{name}.{part}", self._model.floats(f"{name}.{part}")) for part in "wb"]
        epsilon = self._model.sizes.norm_epsilon
        if added is None:
            return self._node("LayerNormalization", [of, *learnt], name, axis=-1, epsilon=epsilon)
        return self._node("SkipLayerNormalization", [of, added, *learnt], name, CONTRIBUTED, epsilon=epsilon)

    def _node(self, kind: str, inputs: list[str], output: str, domain: str = "", **settings: Any) -> str:
        self._graph.node.append(helper.make_node(kind, inputs, [output], domain=domain, **settings))
        return output

    def _constant(self, name: str, value: np.ndarray) -> str:
        self._graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _value(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
