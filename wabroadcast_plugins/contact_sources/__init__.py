"""Contact sources: who gets a broadcast, from a file, inline, the contact book, or a database."""
