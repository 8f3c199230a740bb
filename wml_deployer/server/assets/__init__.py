"""Assets of the platform, among which the repository's artifacts are found too."""
