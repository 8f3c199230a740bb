"""The machine learning instance, as far as clients ask for it."""
