"""Verified, pooled HTTPS whose every call ends, and what its answers mean."""
