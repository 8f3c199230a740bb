"""The repository: models, functions and what else has a document, a content and revisions."""
