from customers import engine
from sqlalchemy import text

with engine.begin() as conn:
    conn.execute(text("CREATE TABLE customers (id INTEGER PRIMARY KEY, phone TEXT, name TEXT, city TEXT)"))
    conn.execute(text("INSERT INTO customers VALUES (1, '0812-0000-1001', 'Budi', 'Bandung')"))
    conn.execute(text("CREATE TABLE facts (job_id TEXT, message_id TEXT, number TEXT, fact TEXT, reason TEXT)"))
