"""What the child process that reads workbooks says, by the code that it writes: it imports none of our other code."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

WORKBOOK_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "workbook_encrypted": "the workbook is protected by a password: save it without one",
        "workbook_damaged": "the workbook is damaged and cannot be read: save it again, or as CSV",
        "workbook_bomb": "the workbook expands to far more than its file size, as a zip bomb does:"
        " save the table as CSV",
        "workbook_too_far": "a cell is below row {most}, the last one of a sheet: save the workbook again, or as CSV",
        "row_filtered": "the row is hidden by a filter in the workbook: clear the filter to include it",
        "workbook_memory": "the workbook needs more than {most} MB of memory: save it as CSV",
        "workbook_cut_off": "the workbook's zip archive is damaged or cut off: upload the file again",
        "zip_no_workbook": "this is a zip archive, but not a workbook: give an .xlsx, .xlsb or .ods file",
        "no_visible_sheet": "the workbook has no visible sheet with content",
        "no_sheet": "there is no sheet {name}: the workbook has {names}",
        "many_columns": "the row has more than {most} columns",
        "long_cell": "the cell is longer than {most} KiB",
        "long_row": "the row is longer than {most} KiB",
    }
)
