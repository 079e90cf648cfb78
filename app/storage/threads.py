"""Threads for what waits for disks, so that slow fsyncs never keep others from theirs."""

from app.threads import Threads

in_thread = Threads("storage", 16).run
