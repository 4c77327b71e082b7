"""What every stage works with: session, settings, days, Dask, progress, logs."""
