"""Where labelled images come from: one file a kind of source, all behind one registry."""
