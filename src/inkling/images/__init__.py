"""Labelled images: where they come from, what they must be, and how they reach a network."""
