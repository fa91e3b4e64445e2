"""Histories sent to experiment trackers."""
