"""What the codes of failures, of waiting and of problems mean, and what to do, in English and Indonesian."""
