"""Data that crosses a border: HTTP, the queue, files, providers, plugins."""
