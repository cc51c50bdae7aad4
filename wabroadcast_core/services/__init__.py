"""Use cases of the broadcaster, one noun a file."""
