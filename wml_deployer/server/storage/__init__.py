"""Storage: the data folder, the database with its records, and the uploaded contents."""
