"""Analysis results beside the collections in whose studies they lie, and archives without them."""

from sqlalchemy import select

from app.index import writer
from app.index.scope import ARCHIVE, Scope, parameters, series_conditions, shape
from app.index.tables import SERIES
from app.viewer import OWNER, Viewer
from tests.index.entries import collect, entry


def _fill(connection):
    """Series 1 and 2 of the collection, the second in a unit of its own; results in both and elsewhere."""
    images, (public, hidden) = collect(connection, "images", units=2)
    results, [unit] = collect(connection, "results")
    writer.upsert(connection, writer.Place(images, public), [entry("1.1", "2.1", "3.1")])
    writer.upsert(connection, writer.Place(images, hidden), [entry("1.2", "2.2", "3.2")])
    made = [entry(f"1.{n}", f"2.{n}.9", f"3.{n}.9") for n in (1, 2, 3)]
    writer.upsert(connection, writer.Place(results, unit), made)
    return images, results, frozenset({public, unit})


async def test_results_beside_a_collection(database):
    images, results, units = await database.write(_fill)
    reader = Viewer("reader", units=units)
    beside, without = Scope(images, beside=frozenset({results})), Scope(without=frozenset({results}))
    expected = {
        (ARCHIVE, OWNER): ["2.1", "2.1.9", "2.2", "2.2.9", "2.3.9"],
        (Scope(images), OWNER): ["2.1", "2.2"],
        (beside, OWNER): ["2.1", "2.1.9", "2.2", "2.2.9"],
        # That study 1.2 is in the collection is hidden: what lies in it beside does not say so.
        (beside, reader): ["2.1", "2.1.9"],
        (without, OWNER): ["2.1", "2.2"],
        (without, reader): ["2.1"],
    }
    for (scope, viewer), series in expected.items():
        plain = select(SERIES.c.series_instance_uid).where(*series_conditions(scope, viewer))
        kept = select(SERIES.c.series_instance_uid).where(*series_conditions(*shape(scope, viewer)))
        for statement, values in ((plain, {}), (kept, parameters(scope, viewer))):
            ordered = statement.order_by(SERIES.c.series_instance_uid)
            found = await database.scan(lambda c, s=ordered, v=values: c.execute(s, v).scalars().all())
            assert found == series, (scope, viewer)
