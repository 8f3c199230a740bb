"""Notebook views, each as HTML and as plain text."""
