"""The repository: models, functions and other artifacts with documents, contents and revisions."""
