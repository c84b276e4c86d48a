"""The page that edits recipes: their files, drafts of them, and trials on the sample."""
