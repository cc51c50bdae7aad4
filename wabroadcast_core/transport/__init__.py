"""The parts that a sender receives and sends through: HTTP client, media cache, shared cache, connection test."""
