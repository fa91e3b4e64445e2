"""Files on this machine: written whole or not at all, and the cache of what would cost time to compute again."""
