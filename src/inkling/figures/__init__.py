"""Results drawn: every display is made from plain results and drawn by matplotlib."""
