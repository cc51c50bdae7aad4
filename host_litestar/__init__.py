"""The reference host: REST API, command line and stand-alone server around :mod:`wabroadcast_core`."""
