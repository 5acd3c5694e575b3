"""What was learnt: saving, search, embeddings, decay and links."""
