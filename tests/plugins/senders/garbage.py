"""What nobody would send: documents in which nothing is what it should be. And how many of them a test looks at."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# No deadline and no health check of speed: the first text ever drawn takes its time, and so does a busy machine.
QUICK = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
