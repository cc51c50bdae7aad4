"""What a send or a receipt means, and how it is recorded."""
