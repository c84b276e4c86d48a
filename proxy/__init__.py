"""The throttling proxy: authenticate, admit, queue, choose a backend, forward."""
