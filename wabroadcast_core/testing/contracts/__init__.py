"""Contract suites: tests of what every plugin must do.

Subclass one in a test module, and pytest runs its tests. No other package is needed:

    class TestMySender(SenderContract):
        sender_class = MySender
        settings = {"token": "not-a-real-one"}

A check that fails raises AssertionError; its text says what is wrong and how to mend it, without a secret and without
a phone number. A check of an ability that the plugin lacks passes; one that cannot be made with what the suite was
given is skipped with the reason (``unittest.SkipTest``).
"""

from wabroadcast_core.testing.contracts.contact_sources import ContactSourceContract
from wabroadcast_core.testing.contracts.hooks import BlacklistContract, ValidatorContract
from wabroadcast_core.testing.contracts.senders import SenderContract

__all__ = ["BlacklistContract", "ContactSourceContract", "SenderContract", "ValidatorContract"]
