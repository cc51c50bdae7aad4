"""Provider webhooks: verified and stored, then processed; automatic replies to people."""
