"""Webhook calls of providers: verified and stored, then processed; automatic replies to people."""
