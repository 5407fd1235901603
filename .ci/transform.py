"""Writes a SAM template as CloudFormation gets it, after the transform, which AWS runs: with AWS's own translator.

Run with a Python that has aws-sam-translator and PyYAML: `.ci/transform.py template.yaml '{"Parameter": "value"}'`.
"""

import json
import sys
from pathlib import Path

from samtranslator.parser.parser import Parser  # type: ignore[import-not-found]
from samtranslator.translator.translator import Translator  # type: ignore[import-not-found]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found]

_IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/hark:latest"


def main(path: str, parameters: str = "{}") -> None:
    """Prints the template as JSON."""
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
    print(json.dumps(Translator({}, Parser()).translate(template, given), indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
