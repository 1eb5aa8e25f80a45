"""What is remembered: every query and every transaction, on SQLite and on PostgreSQL."""
