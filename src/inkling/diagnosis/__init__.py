"""Evidence: pure functions from labels, probabilities and histories to plain results."""
