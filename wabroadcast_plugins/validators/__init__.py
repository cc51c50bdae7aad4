"""Validators: numbers that cannot, or may not, be messaged from this installation."""
