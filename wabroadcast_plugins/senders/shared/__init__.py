"""Helpers that several senders share; none of them is a plugin.

:mod:`lenient_json` reads JSON of any shape, :mod:`jids` converts WhatsApp ids and numbers, :mod:`media` loads a
message's file, :mod:`refusals` classifies WhatsApp's own refusals and cleans details, :mod:`signatures` verifies
webhook calls.
"""
