"""What clients ask the platform itself: its release and the machine learning instance."""
