"""What the service keeps: the folder, the database with its records, and the contents."""
