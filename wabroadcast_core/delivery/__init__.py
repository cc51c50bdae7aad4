"""One message from claim to provider: turns, planning, preflight, sends."""
