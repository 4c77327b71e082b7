"""The run report, one section a file: each reads versions and gives blocks, `render.py` makes the page of them."""
