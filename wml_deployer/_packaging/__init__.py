"""How a model becomes an archive: pickled, listed, put into a tar, deflated; and what a pickle names, unopened."""
