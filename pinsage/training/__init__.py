"""Minibatches, loss, curriculum, schedule and the training loop."""
