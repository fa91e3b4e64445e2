"""The report: evidence gathered from a run or study folder, and one HTML page made of it."""
