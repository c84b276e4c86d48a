"""The demo's own documents: Korean as people write it, made up for this project."""
