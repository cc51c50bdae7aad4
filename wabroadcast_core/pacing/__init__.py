"""Timing of messages: the limiter, the gap per recipient, lanes, send windows, and the forecast."""
