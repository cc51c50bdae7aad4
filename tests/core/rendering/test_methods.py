import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.rendering.texts import render_body, render_by_jinja, render_by_us, unhurried
from wabroadcast_core.rendering.content import BadText


@pytest.mark.parametrize(
    "source",
    [
        "{{ code.upper() }}{{ code.strip('a') }}{{ code.replace('a', 'b', 1) }}{{ code.title() }}",
        "{{ code.strip() }} {{ code.lstrip() }} {{ code.rstrip() }} {{ code.lstrip('ab ') }} {{ code.rstrip(code) }}",
        "{{ code.startswith('a') }} {{ code.removeprefix('a') }} {{ code.casefold() }}",
        "{{ code.split()|join('+') }} {{ code.split('a', 1)|length }} {{ code[:3] }}{{ code[::-1] }}{{ code[1:2] }}",
    ],
)
@unhurried
@given(code=st.text(max_size=40), total=st.integers(-(10**6), 10**6))
def test_methods_give_what_jinja_gives(source: str, code: str, total: int) -> None:
    values = {"code": code, "total": total}

    assert render_by_us(source, values) == render_by_jinja(source, values)


def test_a_method_of_a_number_makes_a_bad_text() -> None:
    with pytest.raises(BadText, match="a number where a text or a list is required"):
        render_body("{{ total.upper() }}", total=5)


def test_a_replacement_that_grows_too_long_makes_a_bad_text() -> None:
    with pytest.raises(BadText, match="an intermediate value is longer than 65,536 characters"):
        render_body("{{ word.replace('', word) }}", word="x" * 300)
