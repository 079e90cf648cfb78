"""A long run of what nobody should send: mutated instances and requests against a real server process."""
