"""Groups of the facade's verbs, a module for each; the facade inherits them."""
