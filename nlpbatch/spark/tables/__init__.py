"""Tables of Delta and Iceberg: their names, what is known of them, and rows that are added to them exactly once."""
