"""The record of everything: tables, one module a noun, migrations."""
