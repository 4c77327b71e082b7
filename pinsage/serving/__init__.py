"""Reading published versions: the Recommender."""
