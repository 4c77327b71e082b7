"""Reading published versions: the Recommender, the service and its explorer page."""
