"""Which release this is."""
