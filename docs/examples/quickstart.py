"""Tell the main story on the embedded service."""
