"""Senders: one file or folder for each provider; helpers that several of them share are in ``shared``."""
