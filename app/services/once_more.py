"""A series of drafts gone through once more: texts by what is known by now, pixels for the first time.

Codecs run in processes of their own, which see nothing but de-identified instances.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.archive import Archive
from app.deid import engine, looking, ocr
from app.deid.blank import Blanked
from app.deid.boxes import Box
from app.deid.engine import Question, Rules
from app.deid.looking import Sought, Wanted
from app.deid.output import PixelsSeen
from app.deid.standard import Option
from app.deid.text import Cleaner
from app.deid.walk import Change
from app.dicom import part10
from app.dicom.describe import describe
from app.dicom.part10 import Part10
from app.errors import Misconfigured
from app.index.entry import Entry
from app.index.redo import Draft
from app.storage import keys
from app.storage.spool import Spool
from app.threads import in_thread

#: Seconds that looking at one instance may take, and at the picture of a series.
_SECONDS, _SECONDS_OF_A_SERIES = 20, 300


@dataclass(frozen=True, slots=True)
class Finished:
    """A draft gone through; `entry` is of what stands in its place now, None where nothing changed."""

    draft: Draft
    entry: Entry | None
    changes: list[Change] = field(default_factory=list)
    questions: tuple[Question, ...] = ()

    def logged(self) -> dict[str, object]:
        """What the log says of it."""
        changes = [list(each) for each in self.changes]
        return {"changes": changes, "questions": list(self.questions), "pass": 2}


@dataclass(frozen=True, slots=True)
class Pass:
    """What goes through the series of one patient."""

    archive: Archive
    rules: Rules
    cleaner: Cleaner

    async def over(self, series: Sequence[Draft]) -> AsyncIterator[Finished]:
        """Each of a series' instances, stored anew where it changes."""
        async with AsyncExitStack() as files:
            paths = [await self._file(draft, files) for draft in series]
            sought = await self._sought(paths)
            for number, (draft, path) in enumerate(zip(series, paths, strict=True)):
                yield await self._finish(draft, path, sought, number)

    async def _file(self, draft: Draft, files: AsyncExitStack) -> Path:
        """A file of the stored instance."""
        if path := self.archive.store.local_path(draft.object_key):
            return path
        spool = await files.enter_async_context(self.archive.spools.open())
        async for piece in self.archive.store.stream(draft.object_key):
            await spool.write(piece)
        await spool.finish()
        return await spool.path()

    async def _sought(self, paths: list[Path]) -> Sought | None:
        """What is in the series' pixels; None where the policy does not ask, or OCR is not installed."""
        policy = self.rules.policy
        if not (policy.has(Option.CLEAN_PIXEL_DATA) and policy.pixels.ocr and ocr.is_available()):
            return None
        seconds = _SECONDS_OF_A_SERIES + _SECONDS * len(paths)
        try:
            return Sought.from_json(await self.archive.codecs.run(looking.seek, paths, seconds=seconds))
        except (*looking.FAILURES, Misconfigured):
            return Sought({}, frozenset(range(len(paths))))

    async def _finish(self, draft: Draft, path: Path, sought: Sought | None, number: int) -> Finished:
        data = await self.archive.store.read(draft.object_key, 0, draft.size)
        async with self.archive.examining:
            instance = await in_thread(part10.read, data)
        asked = looking.wanted(instance, self.rules.policy, sought, number)
        try:
            return await self._redone(draft, path, instance, asked)
        except looking.FAILURES:
            return await self._redone(draft, path, instance, looking.NOT_SEEN)

    async def _redone(self, draft: Draft, path: Path, instance: Part10, asked: Wanted) -> Finished:
        """Raises what looking.FAILURES are where the pixels cannot be blanked, or do not read back so."""
        seen = PixelsSeen(asked.clean, asked.doubtful)
        blanked = await self._blanked(path, asked.boxes) if asked.boxes else None
        done = await in_thread(engine.finished, instance, self.rules, self.cleaner, blanked, seen)
        questions = self._questions(instance, seen)
        if done is None:
            return Finished(draft, None, [], questions)
        changes, chunks = done
        async with self.archive.spools.open() as spool:
            await spool.write_all(chunks)
            await spool.finish()
            if blanked:
                await self._proved(path, await spool.path(), asked.boxes)
            return Finished(draft, await self._stored(spool, draft), changes, questions)

    async def _blanked(self, path: Path, boxes: tuple[Box, ...]) -> Blanked | None:
        """The pixels without what is in the boxes; None where no box lies in the frames."""
        target = self.archive.spools.folder / keys.fresh()
        try:
            run = self.archive.codecs.run
            said = await run(looking.blank_file, path, target, boxes, seconds=_SECONDS_OF_A_SERIES)
            content = await in_thread(target.read_bytes) if said != b"null" else b""
        finally:
            await in_thread(target.unlink, missing_ok=True)
        return looking.blanked(said, content)

    async def _proved(self, before: Path, after: Path, boxes: tuple[Box, ...]) -> None:
        await self.archive.codecs.run(looking.prove_files, before, after, boxes, seconds=_SECONDS_OF_A_SERIES)

    def _questions(self, instance: Part10, seen: PixelsSeen) -> tuple[Question, ...]:
        policy = self.rules.policy
        unanswered = policy.has(Option.CLEAN_PIXEL_DATA) and seen.doubtful and looking.has_pixels(instance)
        return (Question.BURNED_IN,) if unanswered else ()

    async def _stored(self, spool: Spool, draft: Draft) -> Entry:
        spooled, key = await spool.finish(), keys.fresh()
        description: Any = await in_thread(describe, spool.view())
        await self.archive.store.put(key, spooled)
        return Entry.of(description, key, spooled.size, spooled.sha256, spooled.crc32, draft.source)
