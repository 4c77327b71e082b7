"""Raw data: ingestion, deliveries, validation."""
