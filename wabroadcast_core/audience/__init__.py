"""The audience of a broadcast: phone numbers, tables of contacts, and the way from a contact source to messages."""
