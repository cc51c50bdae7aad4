"""The text of a message: templates, their filters, and the rendering for one recipient."""
