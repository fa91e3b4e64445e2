"""Named settings, each with the evidence behind it."""
