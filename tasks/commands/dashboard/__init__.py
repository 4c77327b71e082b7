"""The dashboard of a store: per day what was delivered, prepared, trained and published, and how good it is.

It reads references, manifests and small JSON documents, and computes nothing.
"""
