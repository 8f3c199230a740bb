"""Deployments: assets that answer predictions."""
