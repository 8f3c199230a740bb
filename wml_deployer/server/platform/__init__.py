"""The platform: login, release, and the machine learning instance."""
