"""What `tasks.train_model` is made of: the process that trains, and what it tells."""
