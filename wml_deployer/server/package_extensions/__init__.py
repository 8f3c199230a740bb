"""Package extensions: libraries that a derived software specification adds to its base."""
