"""Attribution maps: which pixels are evidence for a class, and which against it."""
