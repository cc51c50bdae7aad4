"""``wabroadcast doctor``: examines an installation and says of each part whether it works and what to do."""
