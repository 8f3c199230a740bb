"""Projects, as far as clients use them: they contain assets, which can be promoted to spaces."""
