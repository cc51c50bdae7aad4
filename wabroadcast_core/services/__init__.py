"""The broadcaster's use cases, one file for each noun."""
