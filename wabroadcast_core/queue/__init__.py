"""What moves work: Huey on Redis, its JSON, the thin tasks, the worker process."""
