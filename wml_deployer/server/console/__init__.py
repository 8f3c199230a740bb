"""The console: a page at ``/`` for people, beside the API for programs. Rendered here, without a build step."""
