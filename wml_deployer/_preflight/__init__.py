"""Find what would go wrong with a model before it is uploaded."""
