"""Why something waits, and until when: for broadcasts, messages and connections, computed when it is requested."""
