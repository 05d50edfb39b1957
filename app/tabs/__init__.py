"""One file a tab; none knows of another."""
