"""The reader study: people rate real and synthetic volumes without knowing which is which."""
