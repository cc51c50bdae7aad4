"""Callbacks to the main server: their bodies, their signatures, and their delivery with tries for a day."""
