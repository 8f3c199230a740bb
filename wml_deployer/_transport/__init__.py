"""HTTPS connections that are verified, pooled and bounded in time."""
