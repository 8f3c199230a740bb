"""Deployment jobs: batch scoring in the background."""
