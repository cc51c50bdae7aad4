"""The store: the SQL database with the record of everything. Tables, one module for each noun, migrations."""
