"""The encoder as an ONNX graph that multiplies in 8 bits.

The usual dynamic quantization: weights have one scale a row, found when the graph is made, and activations get theirs when
they are there. In the feed-forward part each token has a scale of its own, for there one token with large numbers would
cost all the others their digits. On LoCoMo's conversations it finds as well as products of the wheel's 4-bit blocks do, in
half their time; see docs/measurements.md.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from memories.embedding.e5.packed import PackedModel

EMBEDDED_TOKENS = "tokens"
MEANING = "meaning"
# Contributed operators of ONNX Runtime: products with packed weights, attention.
CONTRIBUTED = "com.microsoft"
OPSETS = [helper.make_opsetid("", 20), helper.make_opsetid(CONTRIBUTED, 1)]
IR_VERSION = 10
# Processors without VNNI add two products of 8 bits in 16, which weights of more than 7 bits would overflow.
LARGEST_WEIGHT = 63
# Below every number that matters: a token of zeros is divided by it.
SMALLEST_SCALE = 1e-12


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
        self._last_axis = self._constant("last axis", np.array([-1]))
        self._smallest_scale = self._constant("smallest scale", np.array(SMALLEST_SCALE, dtype=np.float32))

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
        qkv = self._product(f"{name}.qkv", before, [f"{name}.{part}" for part in "qkv"], sizes.hidden)
        parts = [f"{name}.queries", f"{name}.keys", f"{name}.values"]
        lengths = self._constant(f"{name}.qkv: lengths", np.array([sizes.hidden] * 3))
        self._graph.node.append(helper.make_node("Split", [qkv, lengths], parts, axis=-1))
        context = self._node("MultiHeadAttention", parts, f"{name}.context", CONTRIBUTED, num_heads=sizes.heads)
        attention = self._product(f"{name}.attention", context, [f"{name}.ao"], sizes.hidden)
        middle = self._normalised(f"{name}.aln", attention, before)
        inner = self._product_by_token(f"{name}.inner", middle, [f"{name}.fi"], sizes.hidden)
        activated = self._node("Gelu", [inner], f"{name}.activated")
        outer = self._product_by_token(f"{name}.outer", activated, [f"{name}.fo"], sizes.feed_forward)
        return self._normalised(f"{name}.oln", outer, middle)

    def _product_by_token(self, name: str, of: str, weights: list[str], columns: int) -> str:
        """A product before which each token is divided by its size, and multiplied with it again afterwards."""
        size = self._size_of_each_token(name, of)
        even = self._node("Div", [of, size], f"{name}: even")
        product = self._node(
            "DynamicQuantizeMatMul", [even, *self._weights(name, weights, columns)], f"{name}: product", CONTRIBUTED
        )
        sized = self._node("Mul", [product, size], f"{name}: sized")
        return self._node("Add", [sized, self._bias(name, weights)], name)

    def _product(self, name: str, of: str, weights: list[str], columns: int) -> str:
        """The products with one or more matrices, side by side, and their biases."""
        inputs = [of, *self._weights(name, weights, columns), "", self._bias(name, weights)]
        return self._node("DynamicQuantizeMatMul", inputs, name, CONTRIBUTED)

    def _weights(self, name: str, weights: list[str], columns: int) -> list[str]:
        """The matrices side by side in whole numbers, and the scale of each of their rows."""
        matrix = np.concatenate([self._model.matrix(f"{weight}.w", columns).in_full() for weight in weights])
        whole, scales = quantized(matrix)
        return [self._constant(f"{name}: weights", whole.T), self._constant(f"{name}: scales", scales)]

    def _bias(self, name: str, weights: list[str]) -> str:
        return self._constant(
            f"{name}: bias", np.concatenate([self._model.floats(f"{weight}.b") for weight in weights])
        )

    def _size_of_each_token(self, name: str, of: str) -> str:
        """The largest absolute number of each token."""
        sizes = self._node("Abs", [of], f"{name}: sizes")
        largest = self._node("ReduceMax", [sizes, self._last_axis], f"{name}: largest", keepdims=1)
        return self._node("Max", [largest, self._smallest_scale], f"{name}: size")

    def _normalised(self, name: str, of: str, added: str | None = None) -> str:
        """Each token, or the sum of two, brought to mean 0 and variance 1, then scaled and shifted as was learnt."""
        if added is not None:
            of = self._node("Add", [of, added], f"{name}: sum")
        learnt = [self._constant(f"{name}.{part}", self._model.floats(f"{name}.{part}")) for part in "wb"]
        return self._node("LayerNormalization", [of, *learnt], name, axis=-1, epsilon=self._model.sizes.norm_epsilon)

    def _node(self, kind: str, inputs: list[str], output: str, domain: str = "", **settings: Any) -> str:
        self._graph.node.append(helper.make_node(kind, inputs, [output], domain=domain, **settings))
        return output

    def _constant(self, name: str, value: np.ndarray) -> str:
        self._graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def quantized(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A matrix as whole numbers up to LARGEST_WEIGHT, int8 of the same shape, and the scale of each row, float32."""
    scales = np.maximum(np.abs(matrix).max(axis=1) / LARGEST_WEIGHT, SMALLEST_SCALE).astype(np.float32)
    return np.round(matrix / scales[:, np.newaxis]).astype(np.int8), scales


def _value(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
