"""Jobs against an S3 that looks at signatures and conditions itself.

The S3 of tests/jobs is moto, which stores whatever is posted; what refuses there is our own reading of AWS's
documentation. Here it is SeaweedFS, which others wrote, and run.
"""
