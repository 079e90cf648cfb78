"""What can be done to a value of each VR: by itself, or when a table or a policy names an action."""

from typing import Final

from app.deid.actions import Action
from app.deid.standard import Option

TEXT: Final = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
DATES: Final = frozenset({"DA", "DT"})
SHIFTED: Final = frozenset({Action.SHIFT, Action.EPOCH})
#: The VRs to which an action can be done; what is named for another VR goes.
_FITS: Final = {
    Action.CLEAN: TEXT | {"AE", "CS", "DS", "IS", "OB", "PN", "UN", "UR"},
    Action.UID: TEXT | {"UI", "UN"},
    Action.SHIFT: TEXT | DATES | {"DS", "IS", "UN"},
    Action.EPOCH: TEXT | {"DS", "IS", "SL", "SS", "SV", "UL", "UN", "US", "UV"},
    Action.PATIENT_ID: TEXT | {"PN", "UN"},
    Action.AGE: frozenset({"AS"}),
}
#: VRs of which nobody can tell what they hold.
BINARY: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
BY_VR: Final = {
    **dict.fromkeys(TEXT, Action.CLEAN),
    "AE": Action.EMPTY,
    "AS": Action.AGE,
    "PN": Action.EMPTY,
    "SQ": Action.WALK,
    "UI": Action.UID,
    "UN": Action.REMOVE,
    "UR": Action.REMOVE,
}


def kept(vr: str) -> Action:
    """What keeping is for a VR: what may hold others is looked into."""
    return {"SQ": Action.WALK, "AS": Action.AGE, "UN": Action.CLEAN}.get(vr, Action.KEEP)


def retained(vr: str, option: Option) -> Action:
    """What keeps the identity of a device may hold a patient's all the same, where people write."""
    if vr in TEXT and option is not Option.RETAIN_INSTITUTION_IDENTITY:
        return Action.CLEAN
    return kept(vr)


def cleaned(vr: str, option: Option) -> Action | None:
    """What cleaning is for a VR; None where a value of it cannot be cleaned, so that the next rule speaks."""
    if option is Option.RETAIN_MODIFIED_DATES:
        return Action.SHIFT if vr in DATES else Action.KEEP if vr in ("TM", "SH") else None
    if vr in TEXT or vr == "CS":
        return Action.CLEAN
    return {"SQ": Action.WALK, "AS": Action.AGE}.get(vr)


def of_tcia(name: str, vr: str) -> Action:
    """TCIA's people read the texts that they keep; here they are cleaned."""
    action = Action(name)
    if action is Action.KEEP:
        return Action.CLEAN if vr in TEXT else kept(vr)
    return named(action, vr)


def named(action: Action, vr: str) -> Action:
    """An action that somebody named, as it can be done to a VR."""
    if vr == "SQ" and action not in (Action.REMOVE, Action.EMPTY):
        return Action.WALK
    if action is Action.WALK:
        return Action.KEEP
    if action is Action.SHIFT and vr == "TM":
        return Action.KEEP
    if action is Action.DUMMY and vr == "UI":
        return Action.UID
    return action if vr in _FITS.get(action, {vr}) else Action.REMOVE
