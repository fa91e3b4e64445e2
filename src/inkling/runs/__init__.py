"""The only reader and writer of run and study folders."""
