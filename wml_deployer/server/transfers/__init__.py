"""Contents that travel by signed URLs."""
