"""The cells of a notebook that shows everything there is to look at, each under the name of its picture."""

from __future__ import annotations

__all__ = ["CELLS", "PLOTS", "PREPARE", "VIEWS"]

PREPARE = """\
from pathlib import Path
from unittest.mock import patch

import matplotlib as mpl
import pandas as pd
from IPython.display import display
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from wml_deployer import Deployer, WMLDeployerError
from wml_deployer.display import History
from wml_deployer.progress import set_progress

set_progress(None)  # bars come and go with the machine's pace; the pictures do not
mpl.rcParams["figure.dpi"] = 144
Path("metadata.yaml").write_text("project_name: iris\\nproject_version: v0.1\\n")
X, y = load_iris(return_X_y=True, as_frame=True)
y = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
model, better = (LogisticRegression(C=strength, max_iter=2000).fit(X, y) for strength in (0.05, 1.0))
deployer = Deployer.local("metadata.yaml")
deployer.deploy(model, sample=X.head(20), reason="first trial", metrics={"accuracy": 0.953})
deployer.update(better, sample=X.head(20), version="v0.2", reason="less regularised", metrics={"accuracy": 0.973})
deployer.rollback(reason="complaints about virginica")
deployer.candidate(better, sample=X.head(20))
comparison = deployer.compare(X)
# As if it had taken weeks.
history = deployer.history()
when = pd.Timestamp.now("UTC") - pd.to_timedelta([40, 19, 12], unit="D")
history = History(history.assign(when=when));"""

VIEWS = {
    "deployer": "deployer",
    "check": "deployer.check(model)",
    "stored-model": "deployer.store(better, sample=X.head(20), version='v0.2')",
    "deployment": "deployer.status()",
    "history": "history",
    "scores": "deployer.score(X.sample(150, random_state=0))",
    "comparison": "comparison",
    "differences": "deployer.diff('v0.1', 'v0.2')",
    "error": """\
try:
    deployer.score(X.drop(columns=X.columns[0]).assign(petal=1.0))
except WMLDeployerError as error:
    display(error)""",
    "verification": """\
worse = LogisticRegression(C=0.1, max_iter=2000).fit(X, y)
try:
    with patch.object(LogisticRegression, "predict", lambda self, rows: ["virginica"] * len(rows)):
        deployer.update(worse, sample=X[48:52], version="v0.3")
except WMLDeployerError as error:
    display(error)""",
}

PLOTS = {
    "scores-plot": "deployer.score(X).plot();",
    "history-plot": "history.plot();",
    "comparison-plot": "comparison.plot();",
}

CELLS = {"prepare": PREPARE, **VIEWS, **PLOTS}
