"""The OpenID provider: what it says of itself, its keys, its tokens (OpenID Connect Core, Discovery)."""
