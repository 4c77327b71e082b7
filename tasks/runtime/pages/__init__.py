"""Pages for people: blocks, charts, and how they are rendered as one file of HTML."""
