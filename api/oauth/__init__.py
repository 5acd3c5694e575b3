"""OAuth 2.1 for clients that have no place for a token: metadata, registration, tokens, revocation."""
