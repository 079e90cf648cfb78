"""The requests of a soak: number `n` of a seed is always the same one, whatever was answered before it."""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from urllib.parse import quote, quote_from_bytes

import orjson
import zstandard

from soak.mutate import NASTY, code_stream, elements, mutated, shape
from soak.odd import ACCEPTS, BELOW, CONVERTED, HEADS, KEYS, TYPES, UIDS, VALUES
from soak.seeds import Seed

BOUNDARY = b"soak-boundary"
STOW = "/dicom-web/studies"
#: Stored by one of this many requests before: likely still there, and not all the same.
RECENT = 400


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as bytes. `whole` requests are owed an answer; the others are given up by the client."""

    kind: str
    data: bytes
    whole: bool = True


class Script:
    """What is sent, for one seed and its corpus."""

    def __init__(self, seed: int, corpus: Sequence[Seed]) -> None:
        self._seed = seed
        self._corpus = corpus
        self._pictured = [seed for seed in corpus if seed.pictured]

    def request(self, number: int) -> Sent:
        """Request `number`."""
        random = self._random(number)
        return KINDS_BY_NAME[_kind(random)](self, random, number)

    def instance(self, number: int) -> tuple[bytes, str]:
        """The instance that request `number` stores if it stores one, before mutation, and its address."""
        seeds = self._pictured if _kind(self._random(number)) == "pixels" else self._corpus
        return self._random(-number - 1).choice(seeds).renamed(number)

    def _recent(self, random: Random, number: int, kind: str = "stow") -> list[str]:
        """Study, series and instance of what a request not long before this one tried to store."""
        earlier = number - random.randrange(RECENT)
        while _kind(self._random(earlier)) != kind:
            earlier -= 1
        return self.instance(earlier)[1].split("/")

    def _random(self, number: int) -> Random:
        return Random(f"{self._seed}/{number}")

    # Storing.

    def stow(self, random: Random, number: int) -> Sent:
        """One mutated instance, as a part or alone, now and then compressed."""
        body = mutated(random, self.instance(number)[0])
        if random.random() < 0.3:
            return post("stow", body, "application/dicom", *_coded(random))
        return post("stow", _multipart([body]), _multipart_type(), *_coded(random))

    def pixels(self, random: Random, number: int) -> Sent:
        """An instance with damaged pixel data, or a description that does not fit them; or sound."""
        body = self.instance(number)[0]
        for _ in range(random.choice((0, 1, 1, 2))):
            body = random.choice((code_stream, code_stream, shape))(random, body, elements(body))
        return post("pixels", body, "application/dicom")

    def stow_framing(self, random: Random, number: int) -> Sent:
        """Several instances in a body whose multipart framing is mutated."""
        parts = [self.instance(number - each)[0] for each in range(random.choice((0, 1, 3)))]
        body = _damaged(
            random, _multipart(parts, random.choice((b"", b"X: y\r\n", b"A" * 20000 + b": b\r\n")))
        )
        return post("stow framing", body, random.choice((_multipart_type(), *TYPES)))

    def stow_json(self, random: Random, number: int) -> Sent:
        """DICOM JSON with absurd values."""
        dataset = {_tag(random): _attribute(random, 3) for _ in range(random.choice((0, 1, 5)))}
        study, series, instance = self.instance(number)[1].split("/")
        for tag, uid in (
            ("0020000D", study),
            ("0020000E", series),
            ("00080018", instance),
            ("00080016", "1.2.3"),
        ):
            if random.random() < 0.9:
                dataset[tag] = {"vr": "UI", "Value": [uid]}
        text = orjson.dumps(random.choice(([dataset], dataset, [dataset] * 3)))
        if random.random() < 0.2:
            text = _damaged(random, text)
        part = b"Content-Type: application/dicom+json\r\n"
        return post("stow json", _multipart([text], part), _multipart_type("application/dicom+json"))

    # Asking.

    def qido(self, random: Random, number: int) -> Sent:
        """A search with parameters of every malformed kind."""
        study, series, _ = self._recent(random, number)
        level = random.choice(
            (
                "studies",
                "series",
                "instances",
                f"studies/{study}/series",
                f"studies/{study}/instances",
                f"studies/{study}/series/{series}/instances",
            )
        )
        pairs = [f"{_key(random)}={_value(random)}" for _ in range(random.choice((0, 1, 1, 2, 5, 300)))]
        return get("qido", f"/dicom-web/{level}?{'&'.join(pairs)}", *_headers(random))

    def wado(self, random: Random, number: int) -> Sent:
        """Something of an instance that may have been stored, mutated, shortly before."""
        study, series, instance = self._recent(random, number)
        if random.random() < 0.15:
            study = random.choice(UIDS)
        address = f"/dicom-web/studies/{study}/series/{series}/instances/{instance}"
        below = random.choice(BELOW)
        path = random.choice((address, address, address, address.rsplit("/", 2)[0])) + below
        return get("wado", path, *_headers(random, ACCEPTS))

    def convert(self, random: Random, number: int) -> Sent:
        """What a sound client asks of an instance whose pixel data are damaged: decode, encode, draw."""
        study, series, instance = self._recent(random, number, "pixels")
        below, accepts = random.choice(CONVERTED)
        within = "" if random.random() < 0.1 and "/frames" not in below else f"/instances/{instance}"
        path = f"/dicom-web/studies/{study}/series/{series}{within}{below}"
        return get("convert", path, b"Accept: " + random.choice(accepts).encode() + b"\r\n")

    # Of no protocol.

    def head(self, random: Random, number: int) -> Sent:
        """A head that is too large, doubled or in conflict with itself."""
        path = random.choice((STOW, "/healthz", "/dicom-web/series?limit=1", "/%00/../..", "*", "//x:y@z"))
        return Sent(
            "head",
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()
            + random.choice(HEADS),
        )

    def noise(self, random: Random, number: int) -> Sent:
        """A sound request with some of its bytes changed, or no request at all."""
        sound = self.qido(random, number) if random.random() < 0.5 else self.stow(random, number)
        data = _damaged(random, sound.data[:2000]) if random.random() < 0.8 else random.randbytes(500)
        return Sent("noise", data, whole=False)

    def abort(self, random: Random, number: int) -> Sent:
        """A sound upload that ends in its midst with a reset."""
        data = self.stow(random, number).data
        return Sent("abort", data[: random.randrange(len(data))], whole=False)


KINDS_BY_NAME: dict[str, Callable[[Script, Random, int], Sent]] = {
    "stow": Script.stow,
    "pixels": Script.pixels,
    "framing": Script.stow_framing,
    "json": Script.stow_json,
    "qido": Script.qido,
    "wado": Script.wado,
    "convert": Script.convert,
    "head": Script.head,
    "noise": Script.noise,
    "abort": Script.abort,
}
KINDS, WEIGHTS = list(KINDS_BY_NAME), (24, 8, 4, 6, 18, 12, 18, 4, 3, 3)


def _kind(random: Random) -> str:
    return random.choices(KINDS, WEIGHTS)[0]


def get(kind: str, target: str, *headers: bytes) -> Sent:
    """A request without a body."""
    line = quote(target, safe="/?&=%,.;:*'()[]\\+-_~@!$|").encode()
    return Sent(
        kind,
        b"GET "
        + line
        + b" HTTP/1.1\r\nHost: localhost\r\n"
        + b"".join(headers)
        + b"Connection: close\r\n\r\n",
    )


def post(kind: str, body: bytes, content_type: str, coding: str = "") -> Sent:
    """An upload to /studies."""
    body = _encoders()[coding](body)
    head = f"POST {STOW} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
    head += f"Content-Length: {len(body)}\r\n"
    head += f"Content-Encoding: {coding}\r\n" if coding else ""
    return Sent(kind, head.encode("latin-1") + b"Connection: close\r\n\r\n" + body)


@lru_cache
def _encoders() -> dict[str, Callable[[bytes], bytes]]:
    return {
        "": bytes,
        "gzip": lambda body: gzip.compress(body, 1),
        "zstd": zstandard.ZstdCompressor().compress,
        "br": bytes,
        "gzip, zstd": bytes,
    }


def _coded(random: Random) -> tuple[str]:
    return (random.choice(("",) * 12 + ("gzip", "zstd", "br", "gzip, zstd")),)


def _multipart(parts: Sequence[bytes], head: bytes = b"Content-Type: application/dicom\r\n") -> bytes:
    return b"".join(b"--%b\r\n%b\r\n%b\r\n" % (BOUNDARY, head, part) for part in parts) + b"--%b--" % BOUNDARY


def _multipart_type(part: str = "application/dicom") -> str:
    return f'multipart/related; type="{part}"; boundary={BOUNDARY.decode()}'


def _damaged(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 5, 20))):
        at = int(len(changed) * random.random() ** 2)
        changed[at : at + random.choice((0, 1, 4))] = random.choice(
            (b"", b"\r\n", b"\0", b"--", b"\xff", BOUNDARY)
        )
    return bytes(changed)


def _headers(
    random: Random, accepts: Sequence[str] = ("*/*", "application/dicom+json", "text/html", "")
) -> list[bytes]:
    found = [b"Accept: " + random.choice(accepts).encode("latin-1") + b"\r\n"]
    if random.random() < 0.1:
        found.append(
            random.choice(
                (
                    b"Range: bytes=-1\r\n",
                    b"Range: bytes=5-2\r\n",
                    b"If-None-Match: *\r\n",
                    b"Accept-Encoding: zstd\r\n",
                    b"Accept-Encoding: identity;q=0\r\n",
                    b"If-Range: x\r\nRange: bytes=0-" + b"9" * 400 + b"\r\n",
                )
            )
        )
    return found


def _key(random: Random) -> str:
    return random.choice(KEYS)


def _value(random: Random) -> str:
    return random.choice(VALUES) if random.random() < 0.7 else quote_from_bytes(random.choice(NASTY))


def _tag(random: Random) -> str:
    return random.choice(
        (
            "00100010",
            "00100020",
            "00280010",
            "00280008",
            "00400275",
            "7FE00010",
            "00091001",
            "xyz",
            "0010002",
            "FFFEE000",
            "00080005",
        )
    )


def _attribute(random: Random, depth: int) -> object:
    if random.random() < 0.15:
        return random.choice((None, [], "x", 7, {}, {"vr": "QQ"}, {"vr": 5}))
    vr = random.choice(("PN", "SQ", "US", "DS", "IS", "UI", "OW", "AT", "FD", "SV", "LO", "DA"))
    if vr == "SQ" and depth:
        return {"vr": vr, "Value": [{_tag(random): _attribute(random, depth - 1)}]}
    form = random.choice(("Value", "Value", "Value", "InlineBinary", "BulkDataURI"))
    absurd = random.choice(
        (
            [1e308],
            [-1],
            [2**63],
            ["1e999"],
            [None],
            [[]],
            [{}],
            [{"Alphabetic": 5}],
            ["\u0000"],
            ["\ud7ff"],
            ["a\\b"],
            "QUJD",
            "!!",
            "@/bulkdata/1",
            "http://127.0.0.1:1/",
            5,
            [True],
            ["x" * 70000],
            [0] * 3000,
        )
    )
    return {"vr": vr, form: absurd}
