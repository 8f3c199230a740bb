"""The methods of ``Deployer``, a module for each group."""
