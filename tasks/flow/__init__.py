"""The flow of a day: its stages, a run of them, a plan of a run."""
