"""The perceptron written out in NumPy: its equations, update rules, and the check of its derivatives."""
