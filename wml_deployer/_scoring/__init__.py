"""How any number of rows is scored: in batches, several of them in flight, in order."""
