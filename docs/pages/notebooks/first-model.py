# %% [markdown]
# # Your first model
#
# A model is fitted, looked at, deployed on the embedded service, and scored. This page is a notebook: it was executed when this site was
# built, and what you see below each cell is what it put out.
#
# A project is a folder with a `metadata.yaml`. Here it is a temporary one, written by a cell; usually you write it once, by hand, beside
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
# ## Look before you upload
#
# `check` asks the service what it can run, and compares it with the model and with the libraries that fitted it.

# %%
deployer = Deployer.local(metadata)
deployer.check(pipeline, sample=X.head(20))

# %% [markdown]
# Warnings do not stop you. Fit with the versions of the runtime when you can: a pickle is read well only by the version that wrote it.
#
# ## Deploy
#
# The model is packed, uploaded, frozen as a revision, deployed, and asked for the sample's rows. The call returns when the answers are
# those of the model here.

# %%
deployment = deployer.deploy(pipeline, sample=X.head(20), reason="first trial")
deployment

# %% [markdown]
# ## Score
#
# A frame goes in and a frame comes out. A notebook draws it with a bar for each probability.

# %%
scores = deployer.score(X.sample(12, random_state=0))
scores

# %% [markdown]
# It is a frame all the same:

# %%
scores.nlargest(3, "probability_virginica").round(3)

# %% [markdown]
# How sure is the model of the rows that it knows?

# %%
_ = deployer.score(X).plot()

# %% [markdown]
# *setosa* is told apart clearly, the other two are not always. The [next notebook](a-safe-update.py) makes a better model of it.
