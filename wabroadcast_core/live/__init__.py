"""Live events: what is shown of broadcasts, read once for all that listen, and again when it has changed."""
