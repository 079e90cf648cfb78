"""What each of the server's workers runs: the application, made to serve until its process ends."""

import gc

from fastapi import FastAPI

from app.server import keep_decoders_out

keep_decoders_out()

from app.main import create_app  # noqa: E402

#: Objects made and not yet freed after which the collector looks for cycles among them.
ALLOCATIONS = 20_000


def served_app() -> FastAPI:
    """The application with its codecs started before somebody needs them."""
    app = create_app(warm=True)
    # What is loaded by now stays for ever, and the JSON of one header is more objects than Python waits for:
    # looking through them all took a fifth of the time of storing 50 instances.
    gc.freeze()
    gc.set_threshold(ALLOCATIONS)
    return app
