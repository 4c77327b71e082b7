"""The walks."""
