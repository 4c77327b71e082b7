"""Arrays in memory and on disk: hashes, mapped rows, scratch files, unit rows."""
