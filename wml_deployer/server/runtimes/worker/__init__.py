"""The worker, which runs user code in its own process: one module for each runtime. The service never imports it."""
