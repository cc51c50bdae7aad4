"""Senders: one file or folder a provider; what several of them do the same way is in ``shared``."""
