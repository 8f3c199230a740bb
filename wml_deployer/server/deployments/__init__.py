"""Deployments of models and functions, and their predictions."""
