"""The stages of the pipeline, one per file; they run with and without Airflow."""
