"""Score any number of rows in batches, several in flight, with the columns and classes of the version that answered."""
