"""What `tasks.embed_items` is made of: chunks, their inputs, and what an earlier day lends."""
