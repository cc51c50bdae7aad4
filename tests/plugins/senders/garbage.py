"""Random malformed documents for property tests, and how many of them a test tries."""

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# No deadline and no health check of speed: the first text that is drawn takes long, and so does a busy machine.
QUICK = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def json_like(fields: Sequence[str], words: Sequence[str]) -> st.SearchStrategy[Any]:
    """Return JSON with the fields and values of a provider, at random places."""
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(fields), inner | st.sampled_from(words), max_size=6)
        ),
        max_leaves=12,
    )
