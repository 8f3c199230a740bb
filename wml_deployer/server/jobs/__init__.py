"""Deployment jobs: batch deployments scored in the background."""
