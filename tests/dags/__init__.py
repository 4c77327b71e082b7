"""dags, mirroring the source."""
