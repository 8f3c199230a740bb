"""Check that a model answers the same here, in a rehearsal, and at its endpoint."""
