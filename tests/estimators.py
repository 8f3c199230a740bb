"""Many kinds of fitted estimators, each made when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xgboost
from lightgbm import LGBMClassifier
from sklearn import (
    calibration,
    cluster,
    covariance,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    dummy,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    isotonic,
    kernel_approximation,
    kernel_ridge,
    linear_model,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    semi_supervised,
    svm,
    tree,
)
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the import below work

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KINDS", "fit", "predict"]

ROWS = 60
X = np.random.default_rng(0).normal(size=(ROWS, 4))
COUNTS = np.random.default_rng(1).integers(0, 5, size=(ROWS, 4))
Y = np.resize(["no", "yes", "no", "maybe"], ROWS)
NUMBER = X[:, 0] * 2 - X[:, 1] + 3
POSITIVE = np.exp(X[:, 0])
PAIRS = np.column_stack([Y == "no", X[:, 0] > 0]).astype(int)
TEXT = np.resize(["a red fox", "the lazy dog", "a cat ran home", "red dogs"], ROWS)
FRAME = pd.DataFrame({"height": X[:, 0], "colour": np.resize(["red", "blue", "green"], ROWS), "gap": X[:, 1]})
FRAME.loc[::7, "gap"] = np.nan
RECORDS = FRAME[["colour", "height"]].to_dict("records")
BY_COLUMN = ColumnTransformer(
    [
        ("number", preprocessing.StandardScaler(), ["height"]),
        ("gap", impute.SimpleImputer(add_indicator=True), ["gap"]),
        ("colour", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["colour"]),
    ]
)


def after(*steps: Any, last: Any = None) -> Any:
    """A pipeline that ends in an estimator, by default a linear one."""
    return pipeline.make_pipeline(*steps, linear_model.LogisticRegression() if last is None else last)


def classifiers() -> dict[str, Any]:
    """Fitted on numbers and three labels."""
    small_tree = tree.DecisionTreeClassifier(max_depth=2, random_state=0)
    return {
        "LogisticRegression": linear_model.LogisticRegression(),
        "LogisticRegression saga": linear_model.LogisticRegression(solver="saga", max_iter=2000, random_state=0),
        "LogisticRegressionCV": linear_model.LogisticRegressionCV(Cs=2, cv=2),
        "SGDClassifier": linear_model.SGDClassifier(random_state=0),
        "Perceptron": linear_model.Perceptron(random_state=0),
        "RidgeClassifier": linear_model.RidgeClassifier(),
        "RidgeClassifierCV": linear_model.RidgeClassifierCV(),
        "LinearSVC": svm.LinearSVC(random_state=0),
        "SVC": svm.SVC(random_state=0),
        "SVC poly": svm.SVC(kernel="poly", random_state=0),
        "NuSVC": svm.NuSVC(nu=0.1, random_state=0),
        "KNeighborsClassifier kd_tree": neighbors.KNeighborsClassifier(algorithm="kd_tree"),
        "KNeighborsClassifier ball_tree": neighbors.KNeighborsClassifier(algorithm="ball_tree", leaf_size=5),
        "KNeighborsClassifier brute": neighbors.KNeighborsClassifier(algorithm="brute"),
        "RadiusNeighborsClassifier": neighbors.RadiusNeighborsClassifier(radius=9.0),
        "NearestCentroid": neighbors.NearestCentroid(),
        "NeighborhoodComponentsAnalysis": after(neighbors.NeighborhoodComponentsAnalysis(2, random_state=0)),
        "GaussianNB": naive_bayes.GaussianNB(),
        "BernoulliNB": naive_bayes.BernoulliNB(),
        "DecisionTreeClassifier": tree.DecisionTreeClassifier(random_state=0),
        "ExtraTreeClassifier": tree.ExtraTreeClassifier(random_state=0),
        "RandomForestClassifier": ensemble.RandomForestClassifier(5, random_state=0),
        "ExtraTreesClassifier": ensemble.ExtraTreesClassifier(5, random_state=0),
        "BaggingClassifier": ensemble.BaggingClassifier(small_tree, 3, random_state=0),
        "AdaBoostClassifier": ensemble.AdaBoostClassifier(n_estimators=3, random_state=0),
        "GradientBoostingClassifier": ensemble.GradientBoostingClassifier(n_estimators=3, random_state=0),
        "HistGradientBoostingClassifier": ensemble.HistGradientBoostingClassifier(max_iter=3, random_state=0),
        "VotingClassifier": ensemble.VotingClassifier([("n", naive_bayes.GaussianNB()), ("t", small_tree)]),
        "StackingClassifier": ensemble.StackingClassifier([("n", naive_bayes.GaussianNB()), ("t", small_tree)], cv=2),
        "CalibratedClassifierCV": calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=2),
        "CalibratedClassifierCV isotonic": calibration.CalibratedClassifierCV(small_tree, method="isotonic", cv=2),
        "OneVsRestClassifier": multiclass.OneVsRestClassifier(linear_model.LogisticRegression()),
        "OneVsOneClassifier": multiclass.OneVsOneClassifier(linear_model.LogisticRegression()),
        "OutputCodeClassifier": multiclass.OutputCodeClassifier(linear_model.LogisticRegression(), random_state=0),
        "MLPClassifier": neural_network.MLPClassifier(hidden_layer_sizes=(3,), max_iter=20, random_state=0),
        "MLPClassifier sgd": neural_network.MLPClassifier(hidden_layer_sizes=(3,), solver="sgd", max_iter=20),
        "BernoulliRBM": after(neural_network.BernoulliRBM(3, n_iter=2)),
        "LinearDiscriminantAnalysis": discriminant_analysis.LinearDiscriminantAnalysis(),
        "QuadraticDiscriminantAnalysis": discriminant_analysis.QuadraticDiscriminantAnalysis(),
        "GaussianProcessClassifier": gaussian_process.GaussianProcessClassifier(optimizer=None),
        "LabelPropagation": semi_supervised.LabelPropagation(),
        "LabelSpreading knn": semi_supervised.LabelSpreading(kernel="knn"),
        "DummyClassifier": dummy.DummyClassifier(),
        "DummyClassifier stratified": dummy.DummyClassifier(
            strategy="stratified", random_state=np.random.RandomState(0)
        ),
        "GridSearchCV": model_selection.GridSearchCV(small_tree, {"criterion": ["gini", "entropy"]}, cv=2),
        "GridSearchCV mixed": model_selection.GridSearchCV(
            small_tree, [{"max_depth": [1, None]}, {"max_features": [1, "sqrt", 0.5]}], cv=2
        ),
        "RandomizedSearchCV": model_selection.RandomizedSearchCV(
            linear_model.LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, n_iter=2, cv=2, random_state=0
        ),
        "PCA": after(decomposition.PCA(2)),
        "FastICA": after(decomposition.FastICA(2, random_state=0)),
        "TruncatedSVD": after(decomposition.TruncatedSVD(2, random_state=0)),
        "KernelPCA": after(decomposition.KernelPCA(2, kernel="rbf")),
        "FactorAnalysis": after(decomposition.FactorAnalysis(2)),
        "IncrementalPCA": after(decomposition.IncrementalPCA(2)),
        "Nystroem": after(kernel_approximation.Nystroem(n_components=5, random_state=0)),
        "RBFSampler": after(kernel_approximation.RBFSampler(n_components=5, random_state=0)),
        "SelectKBest": after(feature_selection.SelectKBest(k=2)),
        "SelectFromModel": after(feature_selection.SelectFromModel(small_tree)),
        "RFE": feature_selection.RFE(linear_model.LogisticRegression(), n_features_to_select=2),
        "KBinsDiscretizer": after(preprocessing.KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"))
        if "quantile_method" in preprocessing.KBinsDiscretizer().get_params()
        else after(preprocessing.KBinsDiscretizer(3)),
        "SplineTransformer": after(preprocessing.SplineTransformer(4)),
        "PolynomialFeatures": after(preprocessing.PolynomialFeatures(2)),
        "QuantileTransformer": after(preprocessing.QuantileTransformer(n_quantiles=10, random_state=0)),
        "PowerTransformer": after(preprocessing.PowerTransformer()),
        "RobustScaler": after(preprocessing.RobustScaler()),
        "MinMaxScaler": after(preprocessing.MinMaxScaler()),
        "KNNImputer": after(impute.KNNImputer()),
        "IterativeImputer": after(impute.IterativeImputer(max_iter=2, random_state=0)),
        "FunctionTransformer": after(preprocessing.FunctionTransformer(np.expm1)),
        "FeatureUnion": after(
            pipeline.FeatureUnion([("p", decomposition.PCA(1)), ("s", preprocessing.StandardScaler())])
        ),
        "LGBMClassifier": LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1),
    }


def regressors() -> dict[str, Any]:
    """Fitted on numbers and a number."""
    small_tree = tree.DecisionTreeRegressor(max_depth=2, random_state=0)
    return {
        "LinearRegression": linear_model.LinearRegression(),
        "Ridge": linear_model.Ridge(),
        "RidgeCV": linear_model.RidgeCV(),
        "Lasso": linear_model.Lasso(0.01),
        "LassoCV": linear_model.LassoCV(cv=2),
        "LassoLars": linear_model.LassoLars(0.01),
        "Lars": linear_model.Lars(),
        "ElasticNet": linear_model.ElasticNet(0.01),
        "BayesianRidge": linear_model.BayesianRidge(),
        "ARDRegression": linear_model.ARDRegression(),
        "HuberRegressor": linear_model.HuberRegressor(),
        "TheilSenRegressor": linear_model.TheilSenRegressor(random_state=0),
        "RANSACRegressor": linear_model.RANSACRegressor(random_state=0),
        "QuantileRegressor": linear_model.QuantileRegressor(alpha=0.01),
        "OrthogonalMatchingPursuit": linear_model.OrthogonalMatchingPursuit(),
        "SGDRegressor": linear_model.SGDRegressor(random_state=0),
        "SVR": svm.SVR(),
        "LinearSVR": svm.LinearSVR(random_state=0),
        "NuSVR": svm.NuSVR(),
        "KNeighborsRegressor": neighbors.KNeighborsRegressor(algorithm="kd_tree"),
        "DecisionTreeRegressor": small_tree,
        "RandomForestRegressor": ensemble.RandomForestRegressor(3, random_state=0),
        "ExtraTreesRegressor": ensemble.ExtraTreesRegressor(3, random_state=0),
        "GradientBoostingRegressor": ensemble.GradientBoostingRegressor(n_estimators=3, random_state=0),
        "HistGradientBoostingRegressor": ensemble.HistGradientBoostingRegressor(max_iter=3, random_state=0),
        "AdaBoostRegressor": ensemble.AdaBoostRegressor(n_estimators=3, random_state=0),
        "StackingRegressor": ensemble.StackingRegressor([("t", small_tree), ("r", linear_model.Ridge())], cv=2),
        "KernelRidge": kernel_ridge.KernelRidge(),
        "GaussianProcessRegressor": gaussian_process.GaussianProcessRegressor(optimizer=None),
        "MLPRegressor": neural_network.MLPRegressor(
            hidden_layer_sizes=(3,), solver="lbfgs", max_iter=20, random_state=0
        ),
        "PLSRegression": cross_decomposition.PLSRegression(2),
        "TransformedTargetRegressor": TransformedTargetRegressor(
            linear_model.LinearRegression(), func=np.arcsinh, inverse_func=np.sinh
        ),
        "DummyRegressor": dummy.DummyRegressor(),
        "XGBRegressor": xgboost.XGBRegressor(n_estimators=3),
        "XGBRFRegressor": xgboost.XGBRFRegressor(n_estimators=3),
    }


def groupings() -> dict[str, Any]:
    """Fitted on numbers alone."""
    return {
        "KMeans": cluster.KMeans(3, n_init=1, random_state=0),
        "MiniBatchKMeans": cluster.MiniBatchKMeans(3, n_init=1, random_state=0),
        "BisectingKMeans": cluster.BisectingKMeans(3, n_init=1, random_state=0),
        "MeanShift": cluster.MeanShift(),
        "AffinityPropagation": cluster.AffinityPropagation(random_state=0),
        "Birch": cluster.Birch(threshold=0.3, branching_factor=3),
        "GaussianMixture": mixture.GaussianMixture(2, random_state=0),
        "BayesianGaussianMixture": mixture.BayesianGaussianMixture(n_components=2, max_iter=500, random_state=0),
        "IsolationForest": ensemble.IsolationForest(n_estimators=3, random_state=0),
        "OneClassSVM": svm.OneClassSVM(),
        "LocalOutlierFactor": neighbors.LocalOutlierFactor(novelty=True, algorithm="ball_tree"),
        "EllipticEnvelope": covariance.EllipticEnvelope(random_state=0),
    }


def others() -> dict[str, Callable[[], Any]]:
    """Fitted on something of their own."""
    words = feature_extraction.text
    bayes = naive_bayes.MultinomialNB()
    wider = words.TfidfVectorizer(ngram_range=(1, 2), max_features=5, stop_words=["a", "the"])
    linear = linear_model.LogisticRegression()
    xgb = {"n_estimators": 3, "random_state": 0}
    matrix = xgboost.DMatrix(X, NUMBER)
    return {
        "MultinomialNB": lambda: naive_bayes.MultinomialNB().fit(COUNTS, Y),
        "ComplementNB": lambda: naive_bayes.ComplementNB().fit(COUNTS, Y),
        "CategoricalNB": lambda: naive_bayes.CategoricalNB().fit(COUNTS, Y),
        "PoissonRegressor": lambda: linear_model.PoissonRegressor().fit(X, POSITIVE),
        "GammaRegressor": lambda: linear_model.GammaRegressor().fit(X, POSITIVE),
        "IsotonicRegression": lambda: isotonic.IsotonicRegression(out_of_bounds="clip").fit(X[:, 0], NUMBER),
        "KNeighborsClassifier Fortran": lambda: neighbors.KNeighborsClassifier(2).fit(np.asfortranarray(X), Y),
        "MultiOutputClassifier": lambda: multioutput.MultiOutputClassifier(linear).fit(X, PAIRS),
        "ClassifierChain": lambda: multioutput.ClassifierChain(linear, random_state=0).fit(X, PAIRS),
        "MultiOutputRegressor": lambda: multioutput.MultiOutputRegressor(linear_model.Ridge()).fit(X, X[:, :2]),
        "TfidfVectorizer": lambda: after(words.TfidfVectorizer(), last=bayes).fit(TEXT, Y),
        "TfidfVectorizer wide": lambda: after(wider, last=bayes).fit(TEXT, Y),
        "CountVectorizer": lambda: after(words.CountVectorizer(binary=True), last=bayes).fit(TEXT, Y),
        "HashingVectorizer": lambda: after(words.HashingVectorizer(n_features=32)).fit(TEXT, Y),
        "DictVectorizer": lambda: after(feature_extraction.DictVectorizer()).fit(RECORDS, Y),
        "ColumnTransformer": lambda: after(BY_COLUMN).fit(FRAME, Y),
        "ColumnTransformer forest": lambda: after(
            BY_COLUMN, last=ensemble.RandomForestClassifier(3, random_state=0)
        ).fit(FRAME, Y),
        "OrdinalEncoder": lambda: after(preprocessing.OrdinalEncoder()).fit(FRAME[["colour"]], Y),
        "TargetEncoder": lambda: after(preprocessing.TargetEncoder(random_state=0)).fit(FRAME[["colour"]], Y),
        "LatentDirichletAllocation": lambda: after(
            words.CountVectorizer(), decomposition.LatentDirichletAllocation(2, random_state=0)
        ).fit(TEXT, Y),
        "NMF": lambda: after(decomposition.NMF(2, init="nndsvda", random_state=0, max_iter=500)).fit(COUNTS, Y),
        "KNN on sparse": lambda: after(words.TfidfVectorizer(), last=neighbors.KNeighborsClassifier()).fit(TEXT, Y),
        "HistGradientBoosting categories": lambda: ensemble.HistGradientBoostingClassifier(
            max_iter=3, categorical_features=[0]
        ).fit(COUNTS, Y),
        "RandomForest several outputs": lambda: ensemble.RandomForestClassifier(3, random_state=0).fit(X, PAIRS),
        "SelfTrainingClassifier": lambda: semi_supervised.SelfTrainingClassifier(naive_bayes.GaussianNB()).fit(
            X, np.where(np.arange(ROWS) % 3, PAIRS[:, 0], -1)
        ),
        "XGBClassifier": lambda: xgboost.XGBClassifier(**xgb).fit(X, PAIRS[:, 0]),
        "XGBClassifier dart": lambda: xgboost.XGBClassifier(**xgb, booster="dart").fit(X, PAIRS[:, 0]),
        "XGBClassifier named": lambda: xgboost.XGBClassifier(**xgb).fit(FRAME[["height", "gap"]], PAIRS[:, 0]),
        "Booster": lambda: xgboost.train({"max_depth": 2}, matrix, 3),
        "Booster gblinear": lambda: xgboost.train({"booster": "gblinear"}, matrix, 3),
    }


KINDS: tuple[str, ...] = tuple(sorted({*classifiers(), *regressors(), *groupings(), *others()}))
"""Names of all kinds."""


def fit(kind: str) -> Any:
    """Fit one kind, on the same data each time."""
    if kind in (found := classifiers()):
        return found[kind].fit(X, np.unique(Y, return_inverse=True)[1] if kind == "LGBMClassifier" else Y)
    if kind in (found := regressors()):
        return found[kind].fit(X, NUMBER)
    return found[kind].fit(X) if kind in (found := groupings()) else others()[kind]()


def predict(kind: str, estimator: Any) -> None:
    """Let an estimator predict the rows that it was fitted on, with probabilities where it has them."""
    if kind.startswith("Booster"):
        estimator.predict(xgboost.DMatrix(X))
        return
    rows = rows_for(estimator)
    estimator.predict(rows)
    if hasattr(estimator, "predict_proba"):
        estimator.predict_proba(rows)


def rows_for(estimator: Any) -> Any:
    """The rows that fit an estimator's first step."""
    first = estimator.steps[0][1] if hasattr(estimator, "steps") else estimator
    if type(first).__name__ == "DictVectorizer":
        return RECORDS
    if type(first).__name__.endswith("Vectorizer"):
        return TEXT
    if type(first).__name__ == "IsotonicRegression":
        return X[:, 0]
    names = getattr(first, "feature_names_in_", None)
    if names is not None:
        return FRAME[list(names)]
    counted = type(first).__name__ in {"MultinomialNB", "ComplementNB", "CategoricalNB", "NMF"}
    return COUNTS if counted or getattr(estimator, "is_categorical_", None) is not None else X
