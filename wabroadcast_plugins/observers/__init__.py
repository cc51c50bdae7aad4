"""Observers: record what happened elsewhere, and change nothing."""
