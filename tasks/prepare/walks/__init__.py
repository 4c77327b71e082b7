"""What `tasks.prepare.sample_neighborhoods` is made of."""
