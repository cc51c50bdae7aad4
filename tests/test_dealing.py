"""Which tests run on a second Python, and how they are shared out where several processes run them."""

from hypothesis import given
from hypothesis import strategies as st

from tests.dealing import MOST, share_out, thin_out

TESTS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["long", "short", "sharing"])), max_size=120).map(
    lambda parts: [f"{module}::{kind}-{place}" for place, (module, kind) in enumerate(sorted(parts))]
)


def module_of(test: str) -> str:
    return test.partition("::")[0]


def shared_out(tests: list[str]) -> list[list[str]]:
    return share_out(
        tests, module_of=module_of, is_long=lambda test: "long" in test, shares_fixture=lambda test: "sharing" in test
    )


@given(TESTS)
def test_each_test_is_in_one_unit(tests: list[str]) -> None:
    assert sorted(test for unit in shared_out(tests) for test in unit) == sorted(tests)


@given(TESTS)
def test_units_are_short_unless_their_tests_share_a_fixture(tests: list[str]) -> None:
    sharing = {module_of(test) for test in tests if "sharing" in test}

    for unit in shared_out(tests):
        modules = {module_of(test) for test in unit}
        assert len(modules) == 1
        if modules <= sharing:
            assert unit == [test for test in tests if module_of(test) in modules]
        else:
            assert len(unit) <= (1 if any("long" in test for test in unit) else MOST)


def test_what_takes_longest_is_given_out_first() -> None:
    tests = ["a::short", "b::long", "b::short", "c::sharing"]

    assert shared_out(tests) == [["c::sharing"], ["b::long"], ["a::short"], ["b::short"]]


def test_of_the_costly_tests_of_a_module_one_is_kept() -> None:
    tests = ["a::cheap", "a::costly-1", "a::costly-2", "a::cheap-too", "b::costly", "c::cheap"]

    kept, dropped = thin_out(tests, module_of=module_of, is_costly=lambda test: "costly" in test)

    assert kept == ["a::cheap", "a::costly-1", "a::cheap-too", "b::costly", "c::cheap"]
    assert dropped == ["a::costly-2"]
