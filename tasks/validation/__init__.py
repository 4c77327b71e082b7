"""What `tasks.validate` is made of: expectations, faults of rows, Data Docs."""
