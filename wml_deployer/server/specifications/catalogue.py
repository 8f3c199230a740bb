"""The base software and hardware specifications.

Their ids are the same in every release, on IBM Cloud and Cloud Pak for Data (recorded); two names of a Spark runtime
share one. Where no id was recorded, it is derived from the name.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

__all__ = ["CLOUD_STATES", "CURRENT", "HARDWARE", "LIFE", "PACKAGES", "REPLACEMENTS", "SOFTWARE", "STATES"]

SOFTWARE = {
    "ai-function_0.1-py3.6": "0cdb0f1e-5376-4f4d-92dd-da3b69aa9bda",
    "ai-function_0.2-py3.6": "435bfa8f-ddae-549a-826a-894368887231",
    "autoai-kb_3.0-py3.6": "d139f196-e04b-5d8b-9140-9a10ca1fa91a",
    "autoai-kb_3.1-py3.7": "632d4b22-10aa-5180-88f0-f52dfb6444d7",
    "autoai-obm_2.0": "5c2e37fa-80b8-5e77-840f-d912469614ee",
    "autoai-obm_2.0 with Spark 3.0": "af10f35f-69fa-5d66-9bf5-acb58434263a",
    "caffe-ibm_1.0-py3.6": "8d863266-7927-4d1e-97d7-56a7f4c0a19b",
    "caffe_1.0-py3.6": "7bb3dbe2-da6e-4145-918d-b6d84aa93b6b",
    "cuda-py3.6": "82c79ece-4d12-40e6-8787-a7b9e0f62770",
    "cuda-py3.7": "9a44990c-1aa1-4c7d-baf8-c4099011741c",
    "default_py3.6": "0062b8c9-8b7d-44a0-a9b9-46c416adcbd9",
    "default_py3.7": "e4429883-c883-42b6-87a8-f419d64088cd",
    "default_py3.8": "ab9e1b80-f2ce-592c-a7d2-4f2344f77194",
    "default_r3.6": "1b70aec3-ab34-4b87-8aa0-a4a3c8296a36",
    "do_12.10": "9100fd72-8159-4eb9-8a0b-a87e12eefa36",
    "do_12.9": "75a3a4b0-6aa0-41b3-a618-48b1f56332a6",
    "do_py3.7": "9447fa8b-2051-4d24-9eef-5acb0e3c59f8",
    "genai-A25-py3.12": "60ddf4d9-65ac-562d-aa8d-9f26da5dfc76",
    "hybrid_0.1": "8c1a58c6-62b5-4dc4-987a-df751c2756b6",
    "hybrid_0.2": "9b3f9040-9cee-4ead-8d7a-780600f542f7",
    "onnxruntime_opset_19": "368d2795-aaa7-59a0-834c-248c64a5a99e",
    "onnxruntime_opset_21": "d0b5361f-0810-554e-8d7b-874b5ff799b1",
    "pytorch-onnx_1.1-py3.6": "50f95b2a-bc16-43bb-bc94-b0bed208c60b",
    "pytorch-onnx_1.1-py3.6-edt": "32983cea-3f32-4400-8965-dde874a8d67e",
    "pytorch-onnx_1.2-py3.6": "692a6a4d-2c4d-45ff-a1ed-b167ee55469a",
    "pytorch-onnx_1.2-py3.6-edt": "40589d0e-7019-4e28-8daa-fb03b6f4fe12",
    "pytorch-onnx_1.3-py3.7": "8d5d8a87-a912-54cf-81ec-3914adaa988d",
    "pytorch-onnx_1.3-py3.7-edt": "069ea134-3346-5748-b513-49120e15d288",
    "pytorch-onnx_1.7-py3.8": "634d3cdc-b562-5bf9-a2d4-ea90a478456b",
    "pytorch_1.1-py3.6": "10ac12d6-6b30-4ccd-8392-3e922c096a92",
    "pytorch_1.2-py3.6": "2c8ef57d-2687-4b7d-acce-01f94976dac1",
    "runtime-22.1-py3.9": "12b83a17-24d8-5082-900f-0ab31fbfd3cb",
    "runtime-22.2-py3.10": "b56101f1-309d-549b-a849-eaa63f77b2fb",
    "runtime-23.1-py3.10": "336b29df-e0e1-5e7d-b6a5-f6ab722625b2",
    "runtime-24.1-py3.11": "45f12dfe-aa78-5b8d-9f38-0ee223c47309",
    "runtime-25.1-py3.12": "f47ae1c3-198e-5718-b59d-2ea471561e9e",
    "scikit-learn_0.20-py3.6": "09c5a1d0-9c1e-4473-a344-eb7b665ff687",
    "scikit-learn_0.22-py3.6": "154010fa-5b3b-4ac1-82af-4d5ee5abbc85",
    "shiny-r3.6": "0e6e79df-875e-4f24-8ae9-62dcc2148306",
    "spark-mllib_2.3": "2e51f700-bca0-4b0d-88dc-5c6791338875",
    "spark-mllib_2.4": "390d21f8-e58b-4fac-9c55-d7ceda621326",
    "spark-mllib_2.4-py37": "7abc992b-b685-532b-a122-a396a3cdbaab",
    "spark-mllib_2.4-r_3.6": "49403dff-92e9-4c87-a3d7-a42d0021c095",
    "spark-mllib_2.4-scala_2.11": "55a70f99-7320-4be5-9fb9-9edb5a443af5",
    "spark-mllib_3.0-py36": "d82546d5-dd78-5fbb-9131-2ec309bc56ed",
    "spark-mllib_3.0-py37": "36507ebe-8770-55ba-ab2a-eafe787600e9",
    "spark-mllib_3.0-r_3.6": "94bb6052-c837-589d-83f1-f4142f219e32",
    "spark-mllib_3.0-scala_2.12": "09f4cff0-90a7-5899-b9ed-1ef348aebdee",
    "spark-mllib_3.0": "5c1b0ca2-4977-5c2e-9439-ffd44ea8ffe9",
    "spark-mllib_3.2": "5c1b0ca2-4977-5c2e-9439-ffd44ea8ffe9",
    "spark-mllib_3.4": "dabb5e1b-e1c7-5ef5-95ea-34a8223e436c",
    "spss-modeler_17.1": "902d0051-84bd-4af6-ab6b-8f6aa6fdeabb",
    "spss-modeler_18.1": "5c3cad7e-507f-4b2a-a9a3-ab53a21dee8b",
    "spss-modeler_18.2": "687eddc9-028a-4117-b9dd-e57b36f1efa5",
    "tensorflow_1.15-py3.6": "2b73a275-7cbf-420b-a912-eae7f436e0bc",
    "tensorflow_2.1-py3.7": "c4032338-2a40-500a-beef-b01ab2667e27",
    "tensorflow_2.4-py3.7": "65e171d7-72d1-55d9-8ebb-f813d620c9bb",
    "tensorflow_2.4-py3.8": "fe185c44-9a99-5425-986b-59bd1d2eda46",
    "tensorflow_rt23.1-py3.10": "079a91e0-245f-5269-8926-3c20b28f37dc",
    "xgboost_0.82-py3.6": "39e31acd-5f30-41dc-ae44-60233c80306e",
    "xgboost_0.90-py3.6": "4ff8d6c2-1343-4c18-85e1-689c965304d3",
}
"""Ids of the base software specifications, by name."""

_UNRECORDED = (
    "default_py3.7_opence",
    "do_20.1",
    "do_22.1",
    "do_22.2",
    "pmml-3.0_4.3",
    "pytorch-onnx_rt22.1-py3.9",
    "pytorch-onnx_rt22.2-py3.10",
    "pytorch-onnx_rt23.1-py3.10",
    "pytorch-onnx_rt24.1-py3.11",
    "runtime-25.1-py3.12-cuda",
    "spark-mllib_3.3",
    "spark-mllib_3.5",
    "tensorflow_rt22.1-py3.9",
    "tensorflow_rt22.2-py3.10",
    "tensorflow_rt24.1-py3.11",
)
SOFTWARE.update({name: str(uuid5(NAMESPACE_URL, f"/v2/software_specifications/{name}")) for name in _UNRECORDED})

CURRENT = ("available", "supported", "deprecated")
"""States of specifications that accept new assets; in any other state, they serve existing assets only."""
LIFE = (*CURRENT, "constricted", "retired", "withdrawn", "unsupported", "create-unsupported")
"""All known states."""

STATES = {
    "autoai-obm_2.0 with Spark 3.0": "constricted",
    "do_20.1": "supported",
    "do_22.1": "supported",
    "do_22.2": "supported",
    "genai-A25-py3.12": "supported",
    "hybrid_0.1": "supported",
    "onnxruntime_opset_19": "deprecated",
    "onnxruntime_opset_21": "supported",
    "pmml-3.0_4.3": "supported",
    "pytorch-onnx_rt24.1-py3.11": "deprecated",
    "runtime-24.1-py3.11": "deprecated",
    "runtime-25.1-py3.12": "supported",
    "runtime-25.1-py3.12-cuda": "supported",
    "spark-mllib_3.4": "deprecated",
    "spark-mllib_3.5": "supported",
    "spss-modeler_17.1": "constricted",
    "spss-modeler_18.1": "constricted",
    "spss-modeler_18.2": "supported",
    "tensorflow_rt24.1-py3.11": "deprecated",
}
"""States by name. Specifications that are missing here are retired: shown, but refused for new assets."""
CLOUD_STATES = {
    **STATES,
    "pytorch-onnx_rt24.1-py3.11": "retired",
    "runtime-24.1-py3.11": "retired",
    "tensorflow_rt24.1-py3.11": "retired",
}
"""States on IBM Cloud, where the last regions retired runtime 24.1 in August 2026."""

REPLACEMENTS = {
    "default_py3.6": "runtime-25.1-py3.12",
    "default_py3.7": "runtime-25.1-py3.12",
    "default_py3.7_opence": "runtime-25.1-py3.12",
    "default_py3.8": "runtime-25.1-py3.12",
    "onnxruntime_opset_19": "onnxruntime_opset_21",
    "runtime-22.1-py3.9": "runtime-25.1-py3.12",
    "runtime-22.2-py3.10": "runtime-25.1-py3.12",
    "runtime-23.1-py3.10": "runtime-25.1-py3.12",
    "runtime-24.1-py3.11": "runtime-25.1-py3.12",
    "pytorch-onnx_rt24.1-py3.11": "onnxruntime_opset_21",
    "spark-mllib_3.4": "spark-mllib_3.5",
    "tensorflow_rt23.1-py3.10": "runtime-25.1-py3.12",
    "tensorflow_rt24.1-py3.11": "runtime-25.1-py3.12",
}
"""Replacements of outdated specifications."""

PACKAGES = {
    "runtime-22.1-py3.9": {"python": "3.9", "numpy": "1.20.3", "scikit-learn": "1.0.2", "xgboost": "1.5.1"},
    "runtime-22.2-py3.10": {"python": "3.10", "numpy": "1.23.1", "scikit-learn": "1.1.1", "xgboost": "1.6.1"},
    "runtime-23.1-py3.10": {"python": "3.10", "numpy": "1.23.5", "scikit-learn": "1.1.1", "xgboost": "1.6.2"},
    "runtime-24.1-py3.11": {
        "python": "3.11",
        "joblib": "1.3.2",
        "numpy": "1.26.4",
        "pandas": "2.1.4",
        "scikit-learn": "1.3.2",
        "scipy": "1.11.4",
        "tensorflow": "2.14.1",
        "xgboost": "2.0.3",
    },
    "runtime-25.1-py3.12": {
        "python": "3.12",
        "joblib": "1.4.2",
        "numpy": "1.26.4",
        "pandas": "2.2.3",
        "scikit-learn": "1.6.1",
        "scipy": "1.15.2",
        "xgboost": "2.1.4",
    },
}
"""Versions of the packages in the runtimes, as far as they matter to stored models."""


def _hardware_id(name: str) -> str:
    """Return an id for a hardware specification without a recorded one."""
    return str(uuid5(NAMESPACE_URL, f"/v2/hardware_specifications/{name}"))


HARDWARE = {
    "XS": (_hardware_id("XS"), "1", "4Gi"),
    "S": ("e7ed1d6c-2e89-42d7-aed5-863b972c1d2b", "2", "8Gi"),
    "M": ("c076e82c-b2a7-4d20-9c0f-1f0c2fdf5a24", "4", "16Gi"),
    "ML": (_hardware_id("ML"), "4", "32Gi"),
    "L": ("a6c4923b-b8e4-444c-9f43-8a7ec3020110", "8", "32Gi"),
    "XL": (_hardware_id("XL"), "16", "64Gi"),
    "S-Spark": ("d92943ba-9f47-407d-9280-c85281687a1e", "2", "8Gi"),
}
"""Base hardware specifications by name: id, number of cores, memory."""
