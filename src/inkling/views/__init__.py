"""Drawing results: figures and the report. Draws, never computes."""
