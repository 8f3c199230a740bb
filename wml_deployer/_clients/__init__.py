"""Reach the service through either of IBM's two clients, and make the calls that they get wrong."""
