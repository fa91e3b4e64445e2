"""Models that leave: one file a format behind one protocol, checked against the run before anything is written."""
