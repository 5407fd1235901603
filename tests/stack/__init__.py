"""What template.yaml makes, read as CloudFormation reads it; no AWS account and no Docker."""
