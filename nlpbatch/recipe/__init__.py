"""What the data should become, stated in one file, and made of it stage by stage."""
