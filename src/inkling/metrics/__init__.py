"""Numbers from arrays, on NumPy and SciPy alone: intervals, scores of probabilities, temperature scaling."""
