"""The side of the runtimes that runs user code, in a process of its own; the service never imports it."""
