"""Texts that our own code writes about what happened, each with a code and values, so that they can be translated."""
