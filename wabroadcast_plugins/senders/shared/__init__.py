"""What several senders do the same way. No plugin is here: nothing has hooks, each module is about one noun.

:mod:`loose` reads JSON that may be anything, :mod:`jids` WhatsApp's ids and numbers, :mod:`media` brings a message's
file along, :mod:`refusals` knows WhatsApp's own refusals and what a detail may show, :mod:`proofs` tells whose a
webhook call is.
"""
