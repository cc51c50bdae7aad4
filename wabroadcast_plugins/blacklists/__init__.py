"""Blacklists: numbers that must not be messaged."""
