"""Make Python functions that carry models, and rebuild in them the rows that a model was fitted on."""
