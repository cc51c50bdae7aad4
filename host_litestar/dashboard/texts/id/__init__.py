"""The texts in Indonesian, one module a room."""
