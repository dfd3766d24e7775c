"""The interactive view of --watch on a terminal. Needs the extra `view`, and is imported for it alone."""
