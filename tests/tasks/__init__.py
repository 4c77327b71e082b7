"""tasks, mirroring the source."""
