"""The reference host: REST API, command line and stand-alone server on top of :mod:`wabroadcast_core`."""
