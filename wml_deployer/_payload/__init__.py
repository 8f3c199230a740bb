"""The pieces under ``wml_deployer.payload``: frames to request bodies, answers to frames."""
