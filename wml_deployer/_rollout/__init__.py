"""How a version is stored, becomes the one that serves, proves itself, and is gone back from."""
