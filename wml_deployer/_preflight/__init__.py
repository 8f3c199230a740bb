"""What would go wrong with a model, found before it is uploaded; a module for each concern."""
