"""ASGI applications of the calls that need no API key, which any ASGI framework mounts: webhooks and probes."""
