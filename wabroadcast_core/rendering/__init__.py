"""What a message says: templates and their filters."""
