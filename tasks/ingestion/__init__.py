"""What `tasks.ingest` is made of: files, columns, mappings and deliveries."""
