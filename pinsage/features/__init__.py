"""Item features: vectors, text, categories and numbers, each block normalised on its own."""
