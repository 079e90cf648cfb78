"""Where a browser may be sent on to: to pages of ours alone."""

import re

#: A path of our own origin: not that of another host (`//host`, `/\\host`), and nothing a header cannot hold.
_OWN = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}")


def own_path(text: str, otherwise: str) -> str:
    """The path and query, where they are ours; else the other one."""
    return text if _OWN.fullmatch(text) else otherwise
