"""The examples are distributions of their own: each installs beside wabroadcast and passes its contract suite."""

import shutil
from pathlib import Path

import pytest

from tests.plugin_environments import PluginEnvironment

EXAMPLES = sorted(path.parent for path in (Path(__file__).parent / "examples").glob("*/pyproject.toml"))
SWITCHES = {"MOBILE_ONLY_COUNTRIES": "ID", "CRM_STOPS_DATABASE": "sqlite:///crm.db"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> PluginEnvironment:
    """An environment with all examples."""
    made = PluginEnvironment(tmp_path_factory.mktemp("environment"))
    made.install(*EXAMPLES)
    return made


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_passes(environment: PluginEnvironment, example: Path, tmp_path: Path) -> None:
    shutil.copytree(example, tmp_path / example.name)  # away from the configuration of these tests

    done = environment.run("pytest", "-q", "-W", "error", cwd=tmp_path / example.name)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_are_loaded_from_their_distributions(environment: PluginEnvironment, tmp_path: Path) -> None:
    listed = environment.run("host_litestar", "plugins", cwd=tmp_path, variables=SWITCHES).stdout

    assert len(EXAMPLES) >= 2
    for example in EXAMPLES:
        assert f"{example.name}\tactive\t{example.name}\t{example.name.replace('_', '-')} 0.1.0" in listed
