"""What `tasks.data.ingest` is made of: files, columns, mappings and deliveries."""
