"""Contact sources: who gets a broadcast, from a file, inline, or the contact book."""
