"""Assets of the platform: documents with attachments; the artifacts of the repository appear as assets, too."""
