"""Pause, resume, cancel, retry; announcements to running turns."""
