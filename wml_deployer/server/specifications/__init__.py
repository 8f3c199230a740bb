"""Software and hardware specifications: which libraries an asset is served with, and on how much of a machine."""
