"""How it is sent: turns, pace, rendering, retries, send windows, recovery, receipts."""
