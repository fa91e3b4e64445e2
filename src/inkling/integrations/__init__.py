"""Ways to other tools."""
