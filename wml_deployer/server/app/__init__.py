"""The application: from a folder to a running server, what every request passes, and its end."""
