"""Recovery after crashes: leases, intents, held claims, recover."""
