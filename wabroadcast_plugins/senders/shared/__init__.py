"""Helpers that several senders share; none of them is a plugin.

:mod:`gateway` and :mod:`setting_types` hold common settings and requests, :mod:`lenient_json` reads JSON of any shape,
:mod:`jids` converts WhatsApp ids and numbers, :mod:`media` loads a message's file, :mod:`refusals` classifies refusals
and redacts details, :mod:`signatures` verifies webhook calls.
"""
