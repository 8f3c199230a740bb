"""Bearer tokens and how clients get them."""
