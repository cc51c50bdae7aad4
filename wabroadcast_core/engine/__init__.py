"""One worker process: builds the parts, runs the event loop and the background loops."""
