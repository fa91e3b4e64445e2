"""Histories sent to experiment trackers: the protocol, one file a tracker, the registry, and runs that are tracked."""
