"""Parts of the notebook views: what they say, once, and how that reads as HTML and as plain text."""
