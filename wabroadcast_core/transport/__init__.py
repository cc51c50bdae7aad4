"""What a sender is given and sends through: HTTP client, media cache, cache, connection test."""
