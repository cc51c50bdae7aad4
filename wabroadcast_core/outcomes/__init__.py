"""Outcomes: the meaning of a send or a receipt, and its record in the store."""
