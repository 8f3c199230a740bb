"""What both credentials.yaml and metadata.yaml are read with: sources, checks, strict models, strict YAML."""
