"""What `tasks.data.validate` is made of: expectations, faults of rows, Data Docs."""
