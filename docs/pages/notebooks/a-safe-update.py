# %% [markdown]
# # A safe update
#
# A live model gets a successor: tried beside it, compared, promoted, and taken back. This page was executed when this site was built.

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
# ## Try the successor beside the live version
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
# The rows that changed, with what they look like:

# %%
changed = comparison.changed
X.loc[changed.index].assign(live=changed["live"]["prediction"], candidate=changed["candidate"]["prediction"]).head()

# %% [markdown]
# ## Promote it
#
# The live deployment serves the candidate's version, under the id and URL that it always had. It is verified there once more.

# %%
deployer.promote(reason="right more often")

# %%
deployer.diff("v0.1", "v0.2")

# %% [markdown]
# ## And back
#
# Every version is frozen as a revision, so going back is one call and uploads nothing.

# %%
deployer.rollback(reason="complaints about virginica")
deployer.history()

# %% [markdown]
# ## When an update is bad
#
# Somebody shuffles the labels and does not notice. The verification cannot know that: the deployment answers as the model does. That is what
# candidates are for. But a model that *answers differently there than here* never stays live. Here the local model is made to disagree:

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
