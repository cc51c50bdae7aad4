"""Which store and which Redis belong together, and which secret key: what disagrees is refused at the start."""
