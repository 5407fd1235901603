"""Properties of the stack that must hold whoever changes template.yaml next; cfn-lint and checkov look at the rest."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from hark import model_choice
from local import gateway
from operate import package
from tests.conftest import ROOT

TEMPLATE: dict[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
STACK_ID = "arn:aws:cloudformation:eu-central-1:123456789012:stack/Mine/51af3dc0-da77-11e4-872e-1234567db123"
PSEUDO = {"AWS::StackId": STACK_ID, "AWS::StackName": "Mine", "AWS::Partition": "aws", "AWS::AccountId": "123456789012"}
# SAM's own types hand their Tags on to what they become.
TAGGABLE_SAM = {"AWS::Serverless::Function"}


def of_type(*types: str) -> dict[str, Any]:
    return {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] in types}


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields every policy statement with its resource's name, those of both outcomes of a condition among them."""

    def walk(name: str, node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        if isinstance(node, dict):
            if "Effect" in node:
                yield name, node
            for value in node.values():
                yield from walk(name, value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(name, value)

    for name, resource in RESOURCES.items():
        yield from walk(name, resource["Properties"])


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def resolve(node: Any) -> str:
    """Evaluates the functions that names in the template are made with."""
    if isinstance(node, str):
        return node
    ((function, argument),) = node.items()
    if function == "Ref":
        return PSEUDO[argument]
    if function == "Fn::Sub":
        return re.sub(r"\$\{(.*?)\}", lambda found: PSEUDO.get(found[1], f"<{found[1]}>"), argument)
    if function == "Fn::Join":
        return str(argument[0]).join(resolve(part) for part in argument[1])
    assert function == "Fn::Select"
    index, split = argument
    separator, text = split["Fn::Split"]
    return resolve(text).split(separator)[index]


def routes() -> dict[str, Any]:
    return {route["RouteKey"]: route for route in of_type("AWS::ApiGatewayV2::Route").values()}


def test_a_stack_is_locked_unless_its_operator_opens_it() -> None:
    mode = TEMPLATE["Parameters"]["AuthMode"]
    assert mode["Default"] == "key"
    assert set(mode["AllowedValues"]) == {"key", "iam", "jwt", "none"}
    assert json.loads(RESOURCES["KeysSecret"]["Properties"]["SecretString"]) == {"keys": []}
    assert TEMPLATE["Parameters"]["CorsOrigins"]["Default"] == ""


def test_the_page_may_upload_to_the_bucket_and_nobody_else_may_unless_named() -> None:
    own, others = RESOURCES["Bucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    origins = own["AllowedOrigins"]
    assert origins[0] == {"Fn::Sub": "https://*.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
    assert origins[1]["Fn::If"][:2] == ["HasDomain", {"Fn::Sub": "https://${DomainName}"}]
    assert origins[2]["Fn::If"][:2] == ["Streams", {"Fn::Sub": "https://*.lambda-url.${AWS::Region}.on.aws"}]
    condition, named, _ = others["Fn::If"]
    assert (condition, named["AllowedOrigins"]) == ("AllowsOrigins", {"Ref": "CorsOrigins"})
    for rule in (own, named):
        assert rule["AllowedMethods"] == ["POST"]


def test_all_is_guarded_but_the_paths_that_the_local_server_leaves_open_too() -> None:
    types = TEMPLATE["Mappings"]["AuthModes"]["AuthorizationType"]
    assert types == {"key": "CUSTOM", "iam": "AWS_IAM", "jwt": "JWT", "none": "NONE"}
    guarded = {key for key, route in routes().items() if "AuthorizationType" in route}
    assert guarded == {"$default"}
    opened = {f"ANY {path}" for path in gateway.OPEN_PATHS}
    assert set(routes()) - guarded == opened | {"OPTIONS /{proxy+}"}
    assert RESOURCES["PreflightRoute"]["Condition"] == "AllowsOrigins"


def test_the_guard_asks_the_authorizer_of_its_mode() -> None:
    guarded = routes()["$default"]
    assert guarded["AuthorizationType"]["Fn::FindInMap"] == ["AuthModes", "AuthorizationType", {"Ref": "AuthMode"}]
    tokens = {"Fn::If": ["UsesTokens", {"Ref": "TokenAuthorizer"}, {"Ref": "AWS::NoValue"}]}
    assert guarded["AuthorizerId"] == {"Fn::If": ["UsesKeys", {"Ref": "KeyAuthorizer"}, tokens]}
    for condition, mode in (("UsesKeys", "key"), ("UsesTokens", "jwt")):
        assert TEMPLATE["Conditions"][condition] == {"Fn::Equals": [{"Ref": "AuthMode"}, mode]}


@pytest.mark.parametrize(
    "path", ["/transcribe", "/v1/audio/transcriptions", "/v1/audio/keywords", "/v1/models", "/v1/jobs", "/nowhere"]
)
def test_no_open_route_leads_to_what_costs(path: str) -> None:
    assert gateway.wants_key("POST", path)
    assert not any(key.endswith(f" {path}") for key in routes())


def test_the_answer_of_the_authorizer_is_kept_for_the_header_alone() -> None:
    authorizer = RESOURCES["KeyAuthorizer"]["Properties"]
    assert authorizer["IdentitySource"] == ["$request.header.Authorization"]
    assert authorizer["AuthorizerPayloadFormatVersion"] == "2.0"
    assert authorizer["EnableSimpleResponses"] is True


def test_every_resource_that_can_have_tags_has_one() -> None:
    for name, resource in RESOURCES.items():
        type_ = resource["Type"]
        schema = {} if type_ in TAGGABLE_SAM else PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema
        if type_ in TAGGABLE_SAM or schema.get("tagging", {}).get("taggable", schema.get("taggable", True)):
            where = schema.get("tagging", {}).get("tagProperty", "/properties/Tags").rpartition("/")[2]
            tags = resource["Properties"].get(where)
            stack = {"Ref": "AWS::StackName"}
            assert tags in ({"Application": stack}, [{"Key": "Application", "Value": stack}]), name


def test_no_name_is_fixed() -> None:
    names = {
        (name, key): value
        for name, properties in of_type(*{resource["Type"] for resource in RESOURCES.values()}).items()
        for key, value in properties.items()
        if key.endswith("Name") and key not in ("FunctionName", "StageName", "MetricName")
    }
    assert names[("Bucket", "BucketName")]
    for (name, key), value in names.items():
        # Those within their API, and what the operator chose.
        chosen = value == {"Ref": "DomainName"} or name == "ApiDomainMapping"
        if not chosen and (name, key) not in {("KeyAuthorizer", "Name"), ("TokenAuthorizer", "Name")}:
            assert resolve(value) != resolve(value).replace("Mine", "").replace(STACK_ID[-36:], ""), (name, key)


def test_nothing_is_allowed_on_everything_where_aws_takes_a_resource() -> None:
    for name, statement in statements():
        if statement["Effect"] == "Allow" and "*" in listed(statement.get("Resource", [])):
            assert {action.split(":")[0] for action in listed(statement["Action"])} == {"xray"}, name


def test_no_action_is_allowed_by_a_pattern_and_nobody_unnamed_is_allowed_anything() -> None:
    for name, statement in statements():
        if statement["Effect"] == "Allow":
            assert not [action for action in listed(statement["Action"]) if "*" in action], name
            assert statement.get("Principal") != "*", name


def allowed(role: str) -> dict[str, set[str]]:
    """Returns what a role may do to which objects of the bucket."""
    rights: dict[str, set[str]] = {}
    for name, statement in statements():
        if name == role and "Action" in statement and "Resource" in statement:
            for action in listed(statement["Action"]):
                if action.startswith("s3:"):
                    places = {resolve(place) for place in listed(statement["Resource"]) if "Fn::Sub" in place}
                    rights.setdefault(action, set()).update(place.removeprefix("<Bucket.Arn>/") for place in places)
    return rights


def test_the_api_reads_no_recordings_the_worker_writes_none_and_nobody_deletes_transcripts_or_the_inbox() -> None:
    assert allowed("ApiRole") == {
        "s3:PutObject": {"uploads/*", "jobs/job_*", "callers/*", "results/job_*"},
        "s3:GetObject": {"jobs/job_*", "results/job_*"},
        "s3:DeleteObject": {"uploads/*", "callers/*"},
        "s3:ListBucket": set(),
    }
    assert allowed("WorkerRole") == {
        "s3:GetObject": {"uploads/*", "inbox/*", "jobs/*", "results/*"},
        "s3:PutObject": {"jobs/*", "results/*"},
        "s3:DeleteObject": {"uploads/*"},
        "s3:ListBucket": set(),
    }
    assert allowed("CloserRole") == {
        "s3:GetObject": {"inbox/*", "jobs/*", "results/*"},
        "s3:PutObject": {"jobs/job_*", "results/*"},
        "s3:DeleteObject": {"uploads/*"},
        "s3:ListBucket": set(),
    }
    assert allowed("AuthorizerRole") == {}
    assert allowed("StreamRole") == allowed("ApiRole")


def test_the_queue_takes_messages_from_the_bucket_and_nobody_else() -> None:
    takes = [s for name, s in statements() if name.endswith("QueuePolicy") and s["Effect"] == "Allow"]
    (statement,) = takes
    source = resolve(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
    name = resolve(RESOURCES["Bucket"]["Properties"]["BucketName"])
    assert source == f"arn:aws:s3:::{name}"
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert re.fullmatch(r"[a-z0-9-]{3,63}", name)
    assert RESOURCES["Bucket"]["DependsOn"] == "JobsQueuePolicy"


def test_bucket_and_queues_refuse_who_does_not_encrypt() -> None:
    refusing = {
        name
        for name, statement in statements()
        if statement["Effect"] == "Deny" and statement["Condition"].get("Bool") == {"aws:SecureTransport": "false"}
    }
    assert refusing == {"BucketPolicy", "JobsQueuePolicy", "TriedInVainQueuePolicy", "LaidAsideQueuePolicy"}


def test_a_job_stays_hidden_for_six_times_as_long_as_it_may_take() -> None:
    hidden = TEMPLATE["Mappings"]["VisibilityTimeouts"]["OfWorkerTimeout"]
    timeouts = TEMPLATE["Parameters"]["WorkerTimeout"]["AllowedValues"]
    assert hidden == {str(seconds): 6 * seconds for seconds in timeouts}
    assert max(timeouts) <= 900  # the most that Lambda allows
    queue = RESOURCES["JobsQueue"]["Properties"]
    assert queue["VisibilityTimeout"]["Fn::FindInMap"] == [
        "VisibilityTimeouts",
        "OfWorkerTimeout",
        {"Ref": "WorkerTimeout"},
    ]
    assert RESOURCES["WorkerFunction"]["Properties"]["Timeout"] == {"Ref": "WorkerTimeout"}


def test_a_job_that_fails_alone_is_tried_again_and_then_laid_aside_for_longer_than_the_queue_keeps_it() -> None:
    names = ("JobsQueue", "TriedInVainQueue", "LaidAsideQueue")
    queue, in_vain, laid_aside = (RESOURCES[name]["Properties"] for name in names)
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["TriedInVainQueue", "Arn"]}
    assert queue["RedrivePolicy"]["maxReceiveCount"] == {"Ref": "JobAttempts"}
    assert in_vain["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["LaidAsideQueue", "Arn"]}
    assert laid_aside["MessageRetentionPeriod"] == in_vain["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
    mapping = RESOURCES["WorkerQueueMapping"]["Properties"]
    assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (1, ["ReportBatchItemFailures"])
    # Every attempt may use its whole visibility timeout before the message is too old to be laid aside.
    attempts, hidden_s = TEMPLATE["Parameters"]["JobAttempts"]["Default"], 6 * 900
    assert attempts * hidden_s < queue["MessageRetentionPeriod"]


def test_what_was_tried_in_vain_reaches_the_closer_which_looks_for_what_never_came_too() -> None:
    from handler import job

    closer, queue = (RESOURCES[name]["Properties"] for name in ("CloserFunction", "TriedInVainQueue"))
    mapping = RESOURCES["CloserQueueMapping"]["Properties"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["TriedInVainQueue", "Arn"]}
    assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (1, ["ReportBatchItemFailures"])
    assert queue["VisibilityTimeout"] == 6 * closer["Timeout"]
    assert [target["Arn"] for target in RESOURCES["CloserSchedule"]["Properties"]["Targets"]] == [
        {"Fn::GetAtt": ["CloserFunction", "Arn"]}
    ]
    # No job counts as lost while its message may still lie in the workers' queue.
    made = job.Job(job.new_id(), 0, 0, "audio/wav")
    kept_s = RESOURCES["JobsQueue"]["Properties"]["MessageRetentionPeriod"]
    assert made.lost_after - made.uploaded_until > kept_s + TEMPLATE["Parameters"]["WorkerTimeout"]["AllowedValues"][-1]


def test_recordings_jobs_and_results_expire_and_what_others_dropped_does_not() -> None:
    rules = RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = {rule["Prefix"] for rule in rules if "ExpirationInDays" in rule}
    assert expiring == {"uploads/", "jobs/", "results/", "callers/"}
    assert any(rule.get("AbortIncompleteMultipartUpload") and "Prefix" not in rule for rule in rules)
    notified = RESOURCES["Bucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    prefixes = {rule["Value"] for each in notified for rule in each["Filter"]["S3Key"]["Rules"]}
    assert prefixes == {"uploads/", "inbox/"}  # were results/ among them, the worker would feed itself


def test_the_largest_recording_of_a_job_fits_the_workers_disk() -> None:
    parameters = TEMPLATE["Parameters"]
    assert parameters["JobMaxBytes"]["Default"] <= parameters["WorkerStorageMegabytes"]["Default"] * 2**20 / 2
    assert parameters["JobMaxAudioSeconds"]["Default"] * 16_000 * 2 <= parameters["JobMaxBytes"]["Default"]


def test_the_functions_are_one_image_and_the_authorizer_a_few_files() -> None:
    functions = {n: r for n, r in RESOURCES.items() if r["Type"] == "AWS::Serverless::Function"}
    names = ["ApiFunction", "WorkerFunction", "CloserFunction", "StreamFunction", "AuthorizerFunction"]
    assert list(functions) == names
    authorizer = functions.pop("AuthorizerFunction")
    assert len({json.dumps(resource["Metadata"], sort_keys=True) for resource in functions.values()}) == 1
    assert [function["Properties"]["ImageConfig"]["Command"] for function in functions.values()] == [
        [f"handler.{module}.lambda_handler"] for module in ("app", "worker", "closer", "function_url")
    ]
    assert authorizer["Metadata"]["SkipBuild"] is True
    assert ROOT / authorizer["Properties"]["CodeUri"] == package.FOLDER
    assert authorizer["Properties"]["Handler"] == "handler.authorizer.lambda_handler"
    # The Python of the image's base, with which it is tested.
    base = TEMPLATE["Parameters"]["BaseImage"]["Default"]
    assert authorizer["Properties"]["Runtime"].removeprefix("python") == base.rpartition(":")[2]


def test_the_authorizer_answers_before_the_gateway_gives_up() -> None:
    assert RESOURCES["AuthorizerFunction"]["Properties"]["Timeout"] <= 10
    assert RESOURCES["ApiFunction"]["Properties"]["Timeout"] < 30


def test_what_callers_can_make_it_cost_is_bounded_by_parameters() -> None:
    limits = RESOURCES["ApiStage"]["Properties"]["DefaultRouteSettings"]
    assert limits["ThrottlingRateLimit"] == {"Ref": "ThrottlingRate"}
    assert limits["ThrottlingBurstLimit"] == {"Ref": "ThrottlingBurst"}
    # The open paths have limits of their own, lest a stranger use up what callers share; all else is under the above.
    of_routes = RESOURCES["ApiStage"]["Properties"]["RouteSettings"]
    assert set(of_routes) == {f"ANY {path}" for path in gateway.OPEN_PATHS}
    for route in of_routes.values():
        assert 0 < route["ThrottlingRateLimit"] <= route["ThrottlingBurstLimit"] <= 10
    open_routes = {name for name, route in RESOURCES.items() if route["Properties"].get("RouteKey") in of_routes}
    assert set(RESOURCES["ApiStage"]["DependsOn"]) == open_routes
    reserved = RESOURCES["ApiFunction"]["Properties"]["ReservedConcurrentExecutions"]["Fn::If"]
    assert reserved[1] == {"Ref": "MaxConcurrency"}
    streaming = RESOURCES["StreamFunction"]["Properties"]["ReservedConcurrentExecutions"]["Fn::If"]
    assert streaming[1] == {"Ref": "StreamConcurrency"}
    scaling = RESOURCES["WorkerQueueMapping"]["Properties"]["ScalingConfig"]
    assert scaling == {"MaximumConcurrency": {"Ref": "WorkerConcurrency"}}


def test_every_log_ends_with_its_retention_and_every_function_has_its_own() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())
    functions = of_type("AWS::Serverless::Function").values()
    named = [function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions]
    assert len(set(named)) == len(named) == 5
    assert set(named) <= set(groups)
    assert [function["Tracing"] for function in functions] == [{"Ref": "Tracing"}] * 5


def test_every_exception_from_checkov_says_why() -> None:
    skips = [
        (name, skip)
        for name, resource in RESOURCES.items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert skips
    for name, skip in skips:
        assert len(skip["comment"].split()) >= 5, name


def test_the_access_log_holds_neither_queries_nor_headers() -> None:
    text = RESOURCES["ApiStage"]["Properties"]["AccessLogSettings"]["Format"]
    assert isinstance(json.loads(text), dict)
    assert not re.search(r"header|query|\.path|protocol|userAgent|authorizer\.principal", text)


def test_every_alarm_tells_somebody_and_has_its_section_in_the_guide() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text()
    alarms = of_type("AWS::CloudWatch::Alarm")
    assert len(alarms) == 9
    assert [name for name in alarms if "Condition" in RESOURCES[name]] == ["StreamErrorsAlarm"]
    for name, alarm in alarms.items():
        section = re.search(r'"(.+?)"', alarm["AlarmDescription"])
        assert section, name
        assert f"\n### {section[1]}\n" in guide, name
        assert alarm["AlarmActions"] == {"Fn::If": ["SendsAlarms", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}
        assert alarm["TreatMissingData"] == "notBreaching", name


def test_the_dashboard_is_json_and_shows_every_alarm() -> None:
    body, more = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    condition, added, nothing = more["OfStream"]["Fn::If"]
    assert (condition, nothing) == ("Streams", "")
    json.loads(body.replace("${OfStream}", nothing))
    widgets = json.loads(body.replace("${OfStream}", added["Fn::Sub"]))["widgets"]
    shown = set(next(widget for widget in widgets if widget["type"] == "alarm")["properties"]["alarms"])
    assert shown == {f"${{{name}.Arn}}" for name in of_type("AWS::CloudWatch::Alarm")}
    for one, other in ((a, b) for i, a in enumerate(widgets) for b in widgets[:i]):
        apart = (
            one["x"] + one["width"] <= other["x"]
            or other["x"] + other["width"] <= one["x"]
            or one["y"] + one["height"] <= other["y"]
            or other["y"] + other["height"] <= one["y"]
        )
        assert apart, (one["properties"]["title"], other["properties"]["title"])


def test_the_dashboard_shows_only_metrics_of_hark_that_its_code_makes() -> None:
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][0]
    shown = set(re.findall(r'\["Hark", "(\w+)"', body)) | set(re.findall(r'MetricName=\\"(\w+)\\"', body))
    code = "".join(path.read_text() for path in (ROOT / "handler").glob("*.py"))
    made = set(re.findall(r'(?:add_metric|_alone)\("(\w+)"', code)) | {"ColdStart"}
    assert shown >= {"AudioDuration", "RealTimeFactor", "StageTime", "Rejections", "ColdStart"}
    assert shown <= made


def test_every_model_to_choose_from_is_in_the_image_and_reaches_both_functions() -> None:
    names = TEMPLATE["Parameters"]["Model"]["AllowedValues"]
    assert TEMPLATE["Parameters"]["Model"]["Default"] == "asr"
    for name in names:
        assert (ROOT / "models" / f"{name}.onnx").is_file()
        assert f"!models/{name}.onnx" in (ROOT / ".dockerignore").read_text().splitlines()
        assert f"models/{name}.*" in (ROOT / "Dockerfile").read_text()
    for function in ("ApiFunction", "WorkerFunction"):
        variables = TEMPLATE["Resources"][function]["Properties"]["Environment"]["Variables"]
        assert variables["HARK_MODEL"] == {"Fn::Sub": "/var/task/models/${Model}.onnx"}
        assert variables["HARK_MODELS"] == {"Ref": "Models"}


def test_models_of_other_languages_are_in_the_image_and_their_list_is_one_that_the_functions_read() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = (ROOT / "Dockerfile").read_text()
    for pattern in ("models/[a-z][a-z].*", "models/[a-z][a-z]-*"):
        assert f"!{pattern}" in ignored
        assert f" {pattern} " in copied
    names = ["it.onnx", "it.json", "it.lm.bin", "it.punctuation.onnx", "it.attention.onnx", "pt-BR.onnx", "yue.onnx"]
    taken = [each for each in names if any(fnmatch(f"models/{each}", p[1:]) for p in ignored if p[:8] == "!models/")]
    assert taken == names[:-1]
    allowed = re.compile(TEMPLATE["Parameters"]["Models"]["AllowedPattern"])
    for value in ("", "it=models/it.onnx", "en=models/asr.onnx,pt-BR=models/pt-BR.onnx", "models/asr.onnx"):
        assert allowed.match(value)
        assert not value or model_choice.listed(value)
    for value in ("en=", "en=a b", "en=a;it=b", "en=a,,it=b"):
        assert not allowed.match(value)
