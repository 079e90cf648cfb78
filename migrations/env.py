"""Runs the migrations on the connection that `app.database.migrate` hands over, in its transaction."""

from alembic import context
from sqlmodel import SQLModel

import app.models  # noqa: F401

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
