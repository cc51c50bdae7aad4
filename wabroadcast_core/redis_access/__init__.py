"""Access to Redis: clients that fail fast, and a probe that says in words why Redis cannot be used."""
