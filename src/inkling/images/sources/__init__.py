"""Where labelled images come from: one file per kind of source, all behind one registry."""
