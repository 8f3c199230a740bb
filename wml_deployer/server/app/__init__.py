"""The application: starting and stopping the server, and what every request passes through."""
