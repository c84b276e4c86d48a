"""One request's way from its caller to a backend and back."""
