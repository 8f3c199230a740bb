# %% [markdown]
# # A safe update
#
# A live model gets a successor, which is tested beside it, compared, promoted, and rolled back. This notebook was executed when this site was
# built.

# %%
import tempfile
from pathlib import Path

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wml_deployer import Deployer

metadata = Path(tempfile.mkdtemp()) / "metadata.yaml"
_ = metadata.write_text("project_name: flowers\nproject_version: v0.1\n")
X, y = load_iris(return_X_y=True, as_frame=True)
y = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(X, y)

deployer = Deployer.local(metadata)
live = deployer.deploy(pipeline, sample=X.head(20), reason="first trial", metrics={"accuracy": pipeline.score(X, y)})
# %% [markdown]
# ## Test the successor beside the live version
#
# A candidate has a URL of its own. Nobody who scores the live deployment notices it.

# %%
better = make_pipeline(StandardScaler(), LogisticRegression(C=10.0)).fit(X, y)
candidate = deployer.candidate(better, sample=X.head(20), version="v0.2")
# %%
comparison = deployer.compare(X)
comparison

# %%
_ = comparison.plot()
# %% [markdown]
# These rows get another prediction:

# %%
changed = comparison.changed
X.loc[changed.index].assign(live=changed["live"]["prediction"], candidate=changed["candidate"]["prediction"]).head()

# %% [markdown]
# ## Promote it
#
# The live deployment now serves the candidate's version, under its old id and URL. The version is verified there once more.

# %%
deployer.promote(reason="right more often")

# %%
deployer.diff("v0.1", "v0.2")

# %% [markdown]
# ## Roll back
#
# Every version is frozen as a revision, so a rollback is one call and uploads nothing.

# %%
deployer.rollback(reason="complaints about virginica")
deployer.history()

# %% [markdown]
# ## When an update fails
#
# Verification cannot tell whether a model is good: if somebody fits one on shuffled labels, the deployment still answers as that model does.
# Candidates are there to find that. But a model that *answers differently there than here* never stays live. Here the local model is made to
# disagree:

# %%
from unittest.mock import patch

from wml_deployer import WMLDeployerError

broken = make_pipeline(StandardScaler(), LogisticRegression(C=1.0)).fit(X, y)
try:
    with patch.object(LogisticRegression, "predict", lambda _, rows: ["virginica"] * len(rows)):
        deployer.update(broken, sample=X[48:52], version="v0.3")
except WMLDeployerError as error:
    problem = error

problem

# %%
deployer.status().version
