from hypothesis import settings

# A shared machine's pauses say nothing about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
