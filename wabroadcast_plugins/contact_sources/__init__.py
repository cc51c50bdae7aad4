"""Contact sources: the recipients of a broadcast, from a file, the submit's body, the contact book or a database."""
