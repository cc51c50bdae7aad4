"""What a crash leaves behind and how it is put right: leases, intents, held claims, recover."""
