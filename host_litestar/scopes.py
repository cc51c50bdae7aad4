"""The scope that each call needs, by its operation id. A call that is missing here needs ``admin``.

``tests/host/test_scopes.py`` fails if a route has no row, or a row has no route.
"""

from collections.abc import Mapping
from typing import Final

from litestar.exceptions import PermissionDeniedException
from litestar.handlers import BaseRouteHandler

from wabroadcast_core.models.api_key import Scope

SCOPE: Final = "scope"  # in the ``opt`` of a route
READS: Final = {SCOPE: Scope.READ}  # the ``opt`` of routes without an operation id that only read

SCOPES: Final[Mapping[str, Scope]] = {
    # broadcasts and their messages
    "SubmitBroadcast": Scope.OPERATE,
    "PreviewBroadcast": Scope.READ,
    "ListBroadcasts": Scope.READ,
    "GetBroadcast": Scope.READ,
    "GetBroadcastStatus": Scope.READ,
    "ListBatches": Scope.READ,
    "ReportBroadcast": Scope.READ,
    "GetBroadcastRates": Scope.READ,
    "StreamBroadcast": Scope.READ,
    "StreamRunning": Scope.READ,
    "RescheduleBroadcast": Scope.OPERATE,
    "SendTest": Scope.OPERATE,
    "GetTest": Scope.READ,
    "CancelTest": Scope.OPERATE,
    "RehearseBroadcast": Scope.OPERATE,
    "PauseBroadcast": Scope.OPERATE,
    "ResumeBroadcast": Scope.OPERATE,
    "CancelBroadcast": Scope.OPERATE,
    "RetryBroadcast": Scope.OPERATE,
    "UndoBroadcast": Scope.OPERATE,
    "CopyBroadcast": Scope.OPERATE,
    "ListDrafts": Scope.READ,
    "CreateDraft": Scope.OPERATE,
    "GetDraft": Scope.READ,
    "PutDraft": Scope.OPERATE,
    "DeleteDraft": Scope.OPERATE,
    "SubmitDraft": Scope.OPERATE,
    "ListMessages": Scope.READ,
    "GetMessage": Scope.READ,
    "FindMessages": Scope.READ,
    "ListReasons": Scope.READ,
    "PauseMessage": Scope.OPERATE,
    "ResumeMessage": Scope.OPERATE,
    "CancelMessage": Scope.OPERATE,
    # people
    "ListContacts": Scope.READ,
    "SaveContact": Scope.OPERATE,
    "GetContact": Scope.READ,
    "PutContact": Scope.OPERATE,
    "DeleteContact": Scope.OPERATE,
    "ExportContacts": Scope.READ,
    "ImportContacts": Scope.OPERATE,
    "GetImport": Scope.READ,
    "GetImportErrors": Scope.READ,
    "ListQueries": Scope.READ,
    "ListTags": Scope.READ,
    "TagContacts": Scope.OPERATE,
    "RenameTag": Scope.OPERATE,
    "MergeTags": Scope.OPERATE,
    "DeleteTag": Scope.OPERATE,
    "ListBlacklist": Scope.READ,
    "BlockNumber": Scope.OPERATE,
    "ImportBlacklist": Scope.OPERATE,
    "GetBlacklistHistory": Scope.READ,
    "UnblockNumber": Scope.OPERATE,
    "UploadFile": Scope.OPERATE,
    "DeleteUpload": Scope.OPERATE,
    # connections
    "ListConnections": Scope.READ,
    "ListConnectionKinds": Scope.READ,
    "GetConnection": Scope.READ,
    "SaveConnection": Scope.ADMIN,
    "DeleteConnection": Scope.ADMIN,
    "PauseConnection": Scope.OPERATE,
    "ResumeConnection": Scope.OPERATE,
    "SetDefaultConnection": Scope.ADMIN,
    "TestConnection": Scope.OPERATE,
    "ReadMetrics": Scope.READ,  # unless the settings make it public
    # access
    "ListActivity": Scope.READ,
    "ExportActivity": Scope.READ,
    "ListCallbacks": Scope.READ,
    "RetryCallback": Scope.OPERATE,
    "TestCallbacks": Scope.OPERATE,
    "ListKeys": Scope.ADMIN,
    "CreateKey": Scope.ADMIN,
    "RevokeKey": Scope.ADMIN,
    "GetSession": Scope.READ,
    "SignOut": Scope.READ,
    "SignOutByForm": Scope.READ,
}


class MissingScopeError(PermissionDeniedException):
    """The API key of a request does not have the scope that the call needs."""

    code = "missing_scope"

    def __init__(self, name: str, *, scope: Scope) -> None:
        challenge = f'Bearer realm="wabroadcast", error="insufficient_scope", scope="{scope}"'
        super().__init__(
            f"the API key {name!r} does not have the scope {scope}, which this call needs: use a key that has it",
            headers={"WWW-Authenticate": challenge},
        )
        self.scope = scope


def needed_scope(handler: BaseRouteHandler) -> Scope:
    """Return the scope that a route needs."""
    return Scope(handler.opt.get(SCOPE, Scope.ADMIN))


def scope_of(operation_id: str | None) -> Scope | None:
    """Return the scope of a call by its operation id; None if the table has no such call."""
    return SCOPES.get(operation_id or "")
