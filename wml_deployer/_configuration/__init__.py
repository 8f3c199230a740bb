"""Read credentials and other YAML strictly: sources, checks, typed models."""
