"""Keeps the user that asks out of reach: its key would be rotated or revoked, or itself deleted, and the run would prove nothing.

Requests that change this user are sent to an id that does not exist. It may be read.
"""

import os

import schemathesis

ASKING_USER = int(os.environ["ASKING_USER"])
NOBODY = 999_999_999


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.method.upper() != "GET" and names_asking_user(case.path_parameters.get("user_id")):
        case.path_parameters["user_id"] = NOBODY


def names_asking_user(value):
    try:
        return int(value) == ASKING_USER
    except (TypeError, ValueError):
        return False
