"""Store, deploy and roll back model versions, and resume what was interrupted."""
