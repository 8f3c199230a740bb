"""Deployment spaces, their members, and the containers of other resources: spaces and projects."""
