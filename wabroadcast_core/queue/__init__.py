"""The queue: Huey on Redis, its JSON serializer, the thin tasks, the embedded Valkey."""
