"""When a message may leave: the limiter, the gap per recipient, lanes, send windows, the forecast."""
