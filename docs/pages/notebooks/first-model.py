# %% [markdown]
# # Your first model
#
# In this notebook a model is fitted, checked, deployed on the embedded service, and scored. It was executed when this site was
# built; below each cell is its output.
#
# A project is a folder with a `metadata.yaml`. Here a cell writes it to a temporary folder; usually you write it once, by hand, beside
# your notebook.

# %%
import tempfile
from pathlib import Path

metadata = Path(tempfile.mkdtemp()) / "metadata.yaml"
_ = metadata.write_text("project_name: iris\nproject_version: v0.1\n")
# %%
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wml_deployer import Deployer

X, y = load_iris(return_X_y=True, as_frame=True)
y = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(X, y)

# %% [markdown]
# ## Check the model
#
# `check` asks the service what it can run, and compares that with the model and with the libraries that fitted it.

# %%
deployer = Deployer.local(metadata)
deployer.check(pipeline, sample=X.head(20))

# %% [markdown]
# Warnings do not stop you. Fit with the versions of the runtime if you can: only the version that wrote a pickle is certain to read it correctly.
#
# ## Deploy
#
# The model is packed, uploaded, frozen as a revision and deployed, and then it scores the sample. The call returns when its predictions are
# those of the model here.

# %%
deployment = deployer.deploy(pipeline, sample=X.head(20), reason="first trial")
deployment

# %% [markdown]
# ## Score
#
# A DataFrame goes in and a DataFrame comes out. A notebook shows it with a bar for each probability.

# %%
scores = deployer.score(X.sample(12, random_state=0))
scores

# %% [markdown]
# It is an ordinary DataFrame all the same:

# %%
scores.nlargest(3, "probability_virginica").round(3)

# %% [markdown]
# How sure is the model of the rows that it was fitted on?

# %%
_ = deployer.score(X).plot()

# %% [markdown]
# *setosa* is clearly separated, the other two are not always. The [next notebook](a-safe-update.py) deploys a better model.
