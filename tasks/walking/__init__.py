"""What `tasks.sample_neighborhoods` is made of."""
