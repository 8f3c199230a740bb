"""Software and hardware specifications, and package extensions."""
