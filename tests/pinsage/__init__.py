"""pinsage, mirroring the source."""
