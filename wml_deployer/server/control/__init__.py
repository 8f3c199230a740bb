"""What tests may do to the service: faults, the log of requests, time and ids."""
