"""The dashboard: pages for people, rendered on the server. One module a room; handlers call the broadcaster only."""
