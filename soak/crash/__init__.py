"""Three servers on one PostgreSQL and one S3 store, killed again and again while they are used.

Every number is drawn from the seed: what is sent, to whom, who is killed and when after the round began.
"""
