"""Index, publication and report of a day."""
