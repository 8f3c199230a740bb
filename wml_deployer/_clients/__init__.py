"""IBM's two clients behind one protocol: what is called of them, and what is done in their place."""
