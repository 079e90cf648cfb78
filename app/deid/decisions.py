"""What a policy does to an attribute, and why: override > remove, clean, modify > keep > basic profile."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from pydicom.datadict import keyword_for_tag

from app.deid import fitting, standard
from app.deid.actions import LETTERS, Action
from app.deid.policy import Policy
from app.deid.standard import Option
from app.dicom.attributes import Attribute, private_key

Path = tuple[str, ...]

_PATIENT_NAME, _PATIENT_ID = 0x00100010, 0x00100020
#: UIDs that name a class, a syntax or a vocabulary, and no instance of anything.
_CLASSES: Final = (
    "ClassUID",
    "SyntaxUID",
    "SchemeUID",
    "ContextUID",
    "ResourceUID",
    "CreatorUID",
    "ClassesInFileUID",
)
#: Private attributes that are remembered; whoever sends instances may invent as many as they like.
_MOST: Final = 1 << 14
#: What devices say of themselves: its digits are versions and no dates.
_DEVICE: Final = frozenset(
    {0x00080070, 0x00081090, 0x00180024, 0x00181020, 0x00181210, 0x00189005, 0x00181250}
)


class Decision(NamedTuple):
    """What happens, and the rule that says so. `loosely`: digits in the text are not held for dates."""

    action: Action
    rule: str
    loosely: bool = False


class Decisions:
    """A policy, compiled for the objects of one SOP class."""

    def __init__(self, policy: Policy, sop_class_uid: str) -> None:
        self.policy = policy
        self._class = sop_class_uid
        self._known: dict[tuple[Path, str], Decision] = {}
        self._plain: dict[tuple[int | None, int, str], Decision] = {}
        self._by_path = {key for key in policy.overrides if "." in key}

    def of_standard(self, tag: int, vr: str, path: Path, parent: int | None) -> Decision:
        """For a standard attribute at a path of keys, within the sequence `parent`."""
        if self._by_path and (override := self.policy.overrides.get(".".join(path))):
            return Decision(fitting.named(override, vr), "the policy's override of this path")
        found = self._plain.get((parent, tag, vr))
        if found is None:
            found = self._plain[parent, tag, vr] = self._chosen(tag, vr, parent)
        return found

    def of_private(self, tag: int, creator: str, vr: str, path: Path) -> Decision:
        """For a private attribute of a known creator; `path` ends in its `gggg00ee[creator]`."""
        found = self._known.get((path, vr))
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[path, vr] = self._private(tag, creator, vr, path)
        return found

    def considered(self, tag: int, vr: str, parent: int | None = None) -> Iterator[Decision]:
        """Every rule that speaks of a standard attribute, the one that counts first."""
        if override := self.policy.overrides.get(_key(tag)):
            yield Decision(fitting.named(override, vr), "the policy's override")
        if tag in (_PATIENT_NAME, _PATIENT_ID):
            yield Decision(Action.PATIENT_ID, "the policy's way of calling patients")
        if self.policy.standard_actions == "tcia" and (named := standard.tcia_action(tag)):
            action = self._valid(self._dated(fitting.of_tcia(named, vr), vr), tag, parent)
            yield Decision(action, f"TCIA: {named}", tag in _DEVICE)
        if row := standard.row(tag):
            yield from self._by_row(row, tag, vr, parent)
        yield self._unlisted(tag, vr, parent)

    def explained(self, attribute: Attribute) -> list[Decision]:
        """Every rule that speaks of an attribute at its path, the one that counts first."""
        *_, tag = attribute.path
        vr = attribute.vr.split(" ")[0] or "UN"
        if attribute.creators and attribute.creators[-1]:
            return [self.of_private(tag, attribute.creators[-1], vr, attribute.steps)]
        parent = attribute.path[-2] if len(attribute.path) > 1 else None
        chosen = self.of_standard(tag, vr, attribute.steps, parent)
        return list(dict.fromkeys([chosen, *self.considered(tag, vr, parent)]))

    def _chosen(self, tag: int, vr: str, parent: int | None) -> Decision:
        return next(self.considered(tag, vr, parent))

    def _by_row(self, row: standard.Row, tag: int, vr: str, parent: int | None) -> Iterator[Decision]:
        taken = {option: code for option, code in row.options.items() if self.policy.has(option)}
        for code in ("C", "K"):
            for option in sorted(option for option in taken if taken[option] == code):
                action = fitting.cleaned(vr, option) if code == "C" else fitting.retained(vr, option)
                if action:
                    yield Decision(action, f"PS3.15 {option}: {code}", code == "K")
        yield Decision(self._basic(row.basic, tag, vr, parent), f"PS3.15 basic profile: {row.basic}")

    def _basic(self, codes: str, tag: int, vr: str, parent: int | None) -> Action:
        """The first of alternatives that leaves a valid object (PS3.15 table E.1-1a)."""
        by_type = {"X": "3", "Z": "2", "D": "1", "U": "1"}
        needed = standard.attribute_type(self._class, parent, tag) if "/" in codes else ""
        offered = [code.rstrip("*") for code in codes.split("/")]
        code = next((code for code in offered if by_type.get(code, "") == needed), offered[-1])
        if needed == "3" and "X" in offered:
            code = "X"
        elif needed == "2" and "U" in offered:
            # Empty, it would contradict what else the object says of its references.
            code = "U"
        if vr == "SQ" and code in ("D", "U", "K"):
            return Action.WALK
        return LETTERS[code]

    def _valid(self, action: Action, tag: int, parent: int | None) -> Action:
        """Nothing is removed or emptied that the object needs (PS3.5 section 7.4)."""
        if action not in (Action.REMOVE, Action.EMPTY):
            return action
        needed = standard.attribute_type(self._class, parent, tag)
        return {"1": Action.DUMMY, "2": Action.EMPTY}.get(needed, action)

    def _unlisted(self, tag: int, vr: str, parent: int | None) -> Decision:
        """An attribute of which no table speaks: by its VR."""
        keyword = keyword_for_tag(tag)
        if vr == "UI" and keyword.endswith(_CLASSES):
            return Decision(Action.KEEP, "names a class or a vocabulary")
        if tag >> 24 == 0x60 and self._plane(tag, parent).action is Action.REMOVE:
            return Decision(Action.REMOVE, "goes with its Overlay Data")
        if vr in fitting.BINARY and not keyword:
            return Decision(Action.REMOVE, f"no table names it, nor the dictionary: {vr}")
        return Decision(self._by_vr(vr), f"no table names it: by its VR, {vr}", tag in _DEVICE)

    def _plane(self, tag: int, parent: int | None) -> Decision:
        """What becomes of the Overlay Data that a repeating group describes (PS3.3 section C.9.2)."""
        return self._chosen(tag >> 16 << 16 | 0x3000, "OW", parent)

    def _by_vr(self, vr: str) -> Action:
        if vr in fitting.DATES:
            return self._dates()
        if vr == "UI" and self.policy.has(Option.RETAIN_UIDS):
            return Action.KEEP
        return fitting.BY_VR.get(vr, Action.KEEP)

    def _dates(self) -> Action:
        if self.policy.has(Option.RETAIN_MODIFIED_DATES):
            return Action.SHIFT
        return Action.KEEP if self.policy.has(Option.RETAIN_FULL_DATES) else Action.DUMMY

    def _private(self, tag: int, creator: str, vr: str, path: Path) -> Decision:
        rules: tuple[Callable[[], Decision | None], ...] = (
            lambda: self._overridden(tag, creator, vr, path),
            lambda: self._safe(tag, creator, vr),
            lambda: self._by_knowledge(vr, path),
        )
        found = next((decision for rule in rules if (decision := rule())), None)
        return found or self._unknown(vr)

    def _overridden(self, tag: int, creator: str, vr: str, path: Path) -> Decision | None:
        for key in (".".join(path), private_key(f"{tag:08X}", creator)):
            if override := self.policy.overrides.get(key):
                return Decision(fitting.named(override, vr), "the policy's override")
        return None

    def _safe(self, tag: int, creator: str, vr: str) -> Decision | None:
        if not self.policy.has(Option.RETAIN_SAFE_PRIVATE):
            return None
        listed = standard.safe_private_vr(creator, tag)
        return Decision(self._private_kept(vr), "PS3.15 table E.3.10-1: safe") if listed else None

    def _by_knowledge(self, vr: str, path: Path) -> Decision | None:
        named = standard.knowledge(_signature(path)) if self.policy.private.knowledge else None
        if named is None:
            return None
        action = (
            self._private_kept(vr) if named == "keep" else self._dated(fitting.named(Action(named), vr), vr)
        )
        return Decision(action, f"TCIA's knowledge base: {named}")

    def _dated(self, action: Action, vr: str) -> Action:
        """A shift that a table names, as the policy's options have dates."""
        if action not in fitting.SHIFTED or self._dates() is Action.SHIFT:
            return action
        if self._dates() is Action.KEEP:
            return Action.KEEP
        return Action.DUMMY if vr in fitting.DATES else Action.REMOVE

    def _private_kept(self, vr: str) -> Action:
        return Action.CLEAN if vr in ("UN", "OB") else self._by_vr(vr)

    def _unknown(self, vr: str) -> Decision:
        if self.policy.private.unknown == "remove" or vr in fitting.BINARY:
            return Decision(Action.REMOVE, UNKNOWN_PRIVATE)
        return Decision(self._private_kept(vr), "private and unknown; the policy cleans it")


class Again(Decisions):
    """For what went through the policy before: texts are cleaned once more, nothing else is touched."""

    def of_standard(self, tag: int, vr: str, path: Path, parent: int | None) -> Decision:
        return _only_texts(super().of_standard(tag, vr, path, parent), vr)

    def of_private(self, tag: int, creator: str, vr: str, path: Path) -> Decision:
        return _only_texts(super().of_private(tag, creator, vr, path), vr)


def _only_texts(decision: Decision, vr: str) -> Decision:
    if vr == "SQ":
        return decision._replace(action=Action.WALK)
    return decision if decision.action is Action.CLEAN else decision._replace(action=Action.KEEP)


#: The rule of what is removed because nobody knows it; somebody may want to decide otherwise.
UNKNOWN_PRIVATE: Final = "private and unknown"


def _key(tag: int) -> str:
    written = f"{tag:08X}"
    if written[:2] == "50":
        return "50XXXXXX"
    return f"60XX{written[4:]}" if written[:2] == "60" and written[4:] in ("3000", "4000") else written


def _signature(path: Path) -> str:
    """The path as the knowledge base writes it."""
    return " > ".join(f"{step[:4]}:{step[9:-1]}:{step[6:8]}" if step.endswith("]") else step for step in path)
