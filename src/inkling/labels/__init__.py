"""The review of labels: out-of-fold probabilities, the gallery, and the corrections file."""
