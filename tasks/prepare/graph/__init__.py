"""What `tasks.prepare.build_graph` is made of: an external sort, and the extension of an earlier day's graph."""
