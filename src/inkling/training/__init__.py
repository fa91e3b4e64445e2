"""Training: settings and the one loop."""
