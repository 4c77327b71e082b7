"""schemas, mirroring the source."""
