"""The broadcaster for programs with an event loop: the same methods, as coroutines."""
