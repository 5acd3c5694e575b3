"""Requirements: what people want done, from the first draft to done."""
