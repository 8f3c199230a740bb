"""Deployment spaces."""
