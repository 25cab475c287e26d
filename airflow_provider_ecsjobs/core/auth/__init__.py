"""How a connection logs in, how requests are authorized, and what a 401 leads to."""
