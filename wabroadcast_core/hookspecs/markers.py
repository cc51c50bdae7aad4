"""The markers of hooks and of their implementations."""

import pluggy

NAMESPACE = "wabroadcast"
hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)
