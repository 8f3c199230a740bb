"""What credentials.yaml and metadata.yaml are made of: sources, checks, records, and YAML that keeps foreign bytes."""
