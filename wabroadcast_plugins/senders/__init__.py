"""Senders: one file a provider."""
