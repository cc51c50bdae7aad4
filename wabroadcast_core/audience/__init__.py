"""Who gets a broadcast: numbers, tables that people made, the way from a source to messages."""
