"""What a model needs beside its runtime: packages of an index, and the caller's own code."""
