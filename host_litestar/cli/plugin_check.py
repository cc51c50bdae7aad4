"""``plugins check``: runs the contract suites on an installed plugin."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from host_litestar.cli.errors import RefusedError
from host_litestar.cli.output import print_json, print_table
from host_litestar.cli.server import read_settings

if TYPE_CHECKING:
    from pydantic import BaseModel

    from wabroadcast_core.plugins import Plugins
    from wabroadcast_core.settings import Settings
    from wabroadcast_core.testing.checks import CheckResult

FAILED = 1  # exit status
BUILTIN = "builtin"  # the entry point of the built-in plugins
UPLOAD_ID = "sample"
SAMPLE_TEXTS = {"uri": "https://provider.example", "password": "a-sample-secret", "date": "2026-01-31"}


@click.command("check")
@click.argument("module")
@click.option("--settings", "settings_text", metavar="JSON", help="Settings of its sender or contact source.")
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The upload that its source reads."
)
@click.option("--blocked", multiple=True, metavar="NUMBER", help="A number that it must block; may be repeated.")
@click.option("--allowed", multiple=True, metavar="NUMBER", help="A number that it must not block; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.pass_context
def check(
    context: click.Context,
    module: str,
    *,
    settings_text: str | None,
    file: Path | None,
    blocked: Sequence[str],
    allowed: Sequence[str],
    as_json: bool,
) -> None:
    """Run the contract suites on an installed plugin, and print what fails and how to mend it.

    MODULE is a module, or the name of a plugin as `wabroadcast plugins` lists it. No provider is called: each
    connection is refused, so the plugin's own tests check more: what follows from the answers of a provider, from its
    webhook calls and from a long audience. The exit status is 1 if a check fails.
    """
    given = _read_object(settings_text)
    plugin = _find_plugin(module)
    results = list(_results(plugin, given=given, file=file, blocked=blocked, allowed=allowed))
    if as_json:
        print_json([_as_fields(what, result) for what, result in results])
    else:
        _print_results(module, results)
    if any(result.fault for _, result in results):
        context.exit(FAILED)


def _read_object(text: str | None) -> dict[str, Any]:
    try:
        given = json.loads(text or "{}")
    except ValueError as error:
        raise RefusedError(f"--settings is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise RefusedError('--settings is not a JSON object: give one such as {"token": "x"}')
    return given


def _find_plugin(name: str) -> object:
    """Return an installed plugin by its name in the list of plugins, or by its module.

    :raises RefusedError: there is none.
    """
    from wabroadcast_core.plugin_faults import describe_fault

    try:
        found = _find_member(name) or _import_plugin(name)
    except ModuleNotFoundError as error:
        raise RefusedError(f"{name} cannot be imported: the module {error.name} is missing") from error
    except RefusedError:
        raise
    except BaseException as error:
        raise RefusedError(f"{name} cannot be imported: {describe_fault(error)}") from error
    return found


def _find_member(name: str) -> object | None:
    """Return the plugin that an entry point offers, or one of those of its package; None if there is none."""
    entry_name, _, member = name.partition(".")
    for entry in entry_points(group="wabroadcast", name=entry_name):
        loaded = entry.load()
        members = {str(each.__name__).rpartition(".")[2]: each for each in getattr(loaded, "PLUGINS", ())}
        if not member or member in members:
            found: object = members[member] if member else loaded
            return found
    return None


def _import_plugin(name: str) -> object:
    """Import a module.

    :raises RefusedError: there is none of this name.
    """
    absent = RefusedError(
        f"there is no plugin or module {name!r}: install it into this environment, or name one that `wabroadcast "
        "plugins` lists"
    )
    if not all(part.isidentifier() for part in name.split(".")):
        raise absent
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise absent from None
        raise


def _results(
    plugin: object, *, given: Mapping[str, Any], file: Path | None, blocked: Sequence[str], allowed: Sequence[str]
) -> "Iterator[tuple[str, CheckResult]]":
    """Yield the results of all suites of a plugin, each with what was checked."""
    from wabroadcast_core.plugins import build_plugins
    from wabroadcast_core.testing.checks import CheckResult, run_contract

    members = getattr(plugin, "PLUGINS", None) or (plugin,)
    settings = read_settings().model_copy(update={"plugins_strict": False, "required_plugins": ()})
    plugins = build_plugins(members, settings=settings, discover=False)
    for unfit in plugins.quarantined.values():
        yield "plugin", CheckResult("it can be loaded", fault=unfit.reason)
    for fault in _taken_kinds(plugins, members, settings):
        yield "plugin", CheckResult("its kinds are its own", fault=fault)
    contracts = [
        *_class_contracts(plugins, given=given, file=file),
        *_hook_contracts(plugins, members, blocked=blocked, allowed=allowed),
    ]
    if not contracts and not plugins.quarantined:
        raise RefusedError(_nothing_to_check(plugins))
    for what, contract in contracts:
        for result in run_contract(contract):
            yield what, _with_hint(result, getattr(contract, "invented", ()))


def _taken_kinds(plugins: "Plugins", members: Sequence[object], settings: "Settings") -> Iterator[str]:
    """Yield a fault for each kind that a built-in plugin has too, unless the operator has turned that one off."""
    from wabroadcast_core.plugins import build_plugins
    from wabroadcast_plugins import PLUGINS

    others = [each for each in PLUGINS if _has_classes(each) and not any(each is member for member in members)]
    for fact in build_plugins(others, settings=settings, discover=False).facts():
        name = f"{BUILTIN}.{fact.name.rpartition('.')[2]}"
        if not {BUILTIN, name}.isdisjoint(settings.blocked_plugins):
            continue
        is_sender = "wab_senders" in fact.hooks
        what, own_kinds = ("sender", plugins.senders) if is_sender else ("contact source", plugins.contact_sources)
        for kind in fact.kinds:
            if kind in own_kinds:
                yield f"its {what} kind {kind!r} is that of the plugin {name} already: give it another kind"


def _has_classes(plugin: object) -> bool:
    return hasattr(plugin, "wab_senders") or hasattr(plugin, "wab_contact_sources")


def _with_hint(result: "CheckResult", invented: Sequence[str]) -> "CheckResult":
    """Return a result whose fault names the settings that were invented: they may be its cause."""
    if not (result.fault and invented):
        return result
    names = ", ".join(invented)
    return replace(result, fault=f"{result.fault} (checked with invented values of {names}: give --settings JSON)")


def _nothing_to_check(plugins: "Plugins") -> str:
    variables = [variable for fact in plugins.facts() if fact.state == "off" for variable in fact.settings[:1]]
    if variables:
        return f"the plugin is off: set {' or '.join(variables)} and check it again"
    return "there is nothing to check: it has no sender, contact source, blacklist or validator"


def _class_contracts(
    plugins: "Plugins", *, given: Mapping[str, Any], file: Path | None
) -> Iterator[tuple[str, type[Any]]]:
    """Yield a contract for each sender and contact source."""
    from wabroadcast_core.testing import ContactSourceContract, SenderContract, sample_rows, source_context

    for kind, sender in plugins.senders.items():
        settings = _complete_settings(sender.Settings, given)
        attributes: dict[str, Any] = {"sender_class": sender, "settings": settings}
        attributes["invented"] = _invented(settings, given)
        if hasattr(sender, "parse_webhook"):
            attributes["test_a_webhook_call_is_parsed_into_a_list_of_events"] = _skip("webhook_calls in its own test")
        yield f"sender {kind}", type("Check", (SenderContract,), attributes)
    for kind, source in plugins.contact_sources.items():
        settings = _complete_settings(source.Settings, given, upload=file)
        uploads = {} if file is None else {UPLOAD_ID: file.read_bytes()}
        people = [(row, frozenset[str]()) for row in sample_rows(3)]
        context = source_context(uploads=uploads, contacts=people)
        attributes = {"source_class": source, "settings": settings, "make_context": lambda _, c=context: c}
        attributes["invented"] = _invented(settings, given)
        attributes["test_its_memory_does_not_grow_with_the_audience"] = _skip("make_long_context in its own test")
        yield f"source {kind}", type("Check", (ContactSourceContract,), attributes)


def _hook_contracts(
    plugins: "Plugins", members: Sequence[object], *, blocked: Sequence[str], allowed: Sequence[str]
) -> Iterator[tuple[str, type[Any]]]:
    """Yield a contract for each blacklist and validator."""
    from wabroadcast_core.testing import BlacklistContract, ValidatorContract

    suites: dict[str, type[Any]] = {"wab_blacklisted": BlacklistContract, "wab_validate_numbers": ValidatorContract}
    names = {"wab_blacklisted": "blacklist", "wab_validate_numbers": "validator"}
    for fact in plugins.facts():
        plugin = next((each for each in members if getattr(each, "__name__", "") == fact.name), None)
        for hook, suite in suites.items():
            if plugin is not None and hook in fact.hooks:
                attributes: dict[str, Any] = {"plugin": plugin, "blocked": tuple(blocked)}
                if allowed:
                    attributes["allowed"] = tuple(allowed)
                if not blocked:
                    attributes["test_it_blocks_what_it_must_and_nothing_else"] = _skip(
                        "numbers that it must block, with --blocked"
                    )
                yield f"{names[hook]} {fact.name}", type("Check", (suite,), attributes)


def _skip(needed: str) -> Callable[[object], None]:
    """Return a check that is skipped, because the command has not what it needs."""

    def skip(_contract: object) -> None:
        from unittest import SkipTest

        raise SkipTest(f"not checked here: it needs {needed}")

    return skip


def _invented(settings: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    return [name for name in settings if name not in given and name != "uploadId"]


def _complete_settings(model: "type[BaseModel]", given: Mapping[str, Any], *, upload: Path | None = None) -> Any:
    """Return settings in which required fields that are not given have sample values.

    :raises RefusedError: they are not valid; the text names the fields.
    """
    from pydantic import ValidationError

    from wabroadcast_core.models.base import faults_of
    from wabroadcast_core.plugin_faults import describe_fault

    schema = model.model_json_schema(by_alias=True)
    required = [name for name in schema.get("required", []) if name not in given]
    settings = {name: _sample_of(name, schema["properties"][name]) for name in required} | dict(given)
    if "uploadId" in required:
        if upload is None:
            raise RefusedError("the source reads an upload: give a file for it with --file")
        settings["uploadId"] = UPLOAD_ID
    try:
        model.model_validate(settings)
    except ValidationError as error:
        faults = "; ".join(f"{fault.path}: {fault.message}" for fault in faults_of(error))
        raise RefusedError(f"the settings need other values ({faults}): give them with --settings") from None
    except BaseException as error:
        raise RefusedError(f"the settings cannot be checked: Settings raised {describe_fault(error)}") from error
    return settings


def _sample_of(name: str, schema: Mapping[str, Any]) -> Any:
    """Return a value that fits the name and the JSON schema of a plain field."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return False
        case "array":
            return []
        case "object":
            return {}
    is_address = name.lower().endswith(("url", "address"))
    return SAMPLE_TEXTS.get("uri" if is_address else schema.get("format", ""), "sample")


def _as_fields(what: str, result: "CheckResult") -> dict[str, str]:
    state = "failed" if result.fault else "skipped" if result.skipped else "passed"
    return {"of": what, "check": result.check, "result": state, "text": result.fault or result.skipped}


def _print_results(module: str, results: "Sequence[tuple[str, CheckResult]]") -> None:
    fields = [_as_fields(what, result) for what, result in results]
    shown = [(each["of"], each["check"], each["result"], each["text"]) for each in fields if each["result"] != "passed"]
    if shown:
        print_table(("OF", "CHECK", "RESULT", "WHAT IS WRONG, AND HOW TO MEND IT"), shown)
    counts = {state: sum(each["result"] == state for each in fields) for state in ("passed", "failed", "skipped")}
    click.echo(f"{module}: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
