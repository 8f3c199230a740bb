"""How an estimator is recognised, and what it takes and answers."""
