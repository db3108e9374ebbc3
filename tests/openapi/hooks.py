"""What a client of this very server knows beyond its description."""

import copy

import schemathesis

ENDPOINT = "/_broadcast"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    schemas = raw_schema["components"]["schemas"]
    answer_batches_one_by_one(schemas)
    name_the_apps(schemas["PublishRequest"]["properties"]["app"])
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
