"""Writes template.yaml's resources as CloudFormation gets them, after SAM's transform, which AWS runs.

Run with the Python of sam's environment: `python tests/container/transform.py template.yaml '{"Parameter": "value"}'`.
"""

import json
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_parse  # type: ignore[import-not-found]
from samtranslator.parser.parser import Parser  # type: ignore[import-not-found]
from samtranslator.translator.translator import Translator  # type: ignore[import-not-found]

_IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/hark:latest"


def main(path: str, parameters: str) -> None:
    """Prints the resources as JSON."""
    template = yaml_parse(Path(path).read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            if properties.get("PackageType") == "Image":  # as `sam deploy` fills it in
                properties["ImageUri"] = _IMAGE
            else:
                properties["CodeUri"] = "s3://bucket/authorizer.zip"
    given = {name: each["Default"] for name, each in template["Parameters"].items()}
    given |= {**json.loads(parameters), "AWS::Region": "eu-central-1"}
    template = json.loads(json.dumps(template))
    print(json.dumps(Translator({}, Parser()).translate(template, given)["Resources"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
