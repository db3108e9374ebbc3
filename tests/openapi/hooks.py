"""What a client of this very server knows beyond its description."""

import copy
import os

import schemathesis

ENDPOINT = "/_broadcast"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    schemas = raw_schema["components"]["schemas"]
    answer_batches_one_by_one(schemas)
    for name, schema in schemas.items():
        app = schema.get("properties", {}).get("app")
        # In a batch an app that is not there is answered in the results.
        if app and name != "BatchPublication":
            name_the_apps(app)
    connection = raw_schema["paths"]["/v1/connections/{id}"]["get"]["parameters"][0]
    # One that is there: others are answered 404, which is tried too.
    connection["schema"]["enum"] = [os.environ["CONNECTION_ID"]]
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "app":
                    name_the_apps(parameter["schema"])


def name_the_apps(schema):
    """The description is the same whichever endpoints a server has; this one has the usual."""
    may_be_null = "null" in schema["type"]
    schema["enum"] = [ENDPOINT, None] if may_be_null else [ENDPOINT]


def answer_batches_one_by_one(schemas):
    """In a batch only the shape of a publication is a matter of the request; what it says is answered in
    the results, so a name that is too long does not make the request wrong."""
    one = copy.deepcopy(schemas["PublishRequest"])
    for schema in one["properties"].values():
        schema.pop("minLength", None)
        schema.pop("maxLength", None)
    schemas["BatchPublication"] = one
    items = schemas["BatchRequest"]["properties"]["publications"]
    items["items"] = {"$ref": "#/components/schemas/BatchPublication"}
