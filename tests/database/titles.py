"""The title of the one collection there is: something to read and to write."""

from sqlalchemy import text

from app.database import Database

TITLE = text("SELECT title FROM collection")
RENAME = text("UPDATE collection SET title = :title")


def rename(title):
    return lambda connection: connection.execute(RENAME, {"title": title})


async def title(database: Database) -> str:
    return await database.lookup(lambda connection: connection.scalar(TITLE))
