"""A grid of runs: planned, carried out, kept in a folder, and summarised."""
