"""The service: answers over HTTP, and the explorer page; needs the extra ``serve``."""
