"""CloudHealth's client as PyPI has it, unchanged, with an endpoint that ends in `/` as its own default does."""

import sys

import requests
from cloudhealth.client import CloudHealth
from cloudhealth.exceptions import CloudHealthError

endpoint, key = sys.argv[1:]
partner = CloudHealth(endpoint=endpoint.rstrip("/") + "/", api_key=key).partner

address = {"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"}
made = [
    partner.create_customer(
        name=f"Customer {number}",
        classification="managed_with_access",
        trial_expiration="2030-12-31T00:00:00",
        billing_contact="jane@example.com",
        tags=[{"key": "number", "value": str(number)}],
        **address,
    )
    for number in range(35)
]
assert all(customer["trial_expiration"] == "2030-12-31T00:00:00Z" for customer in made), made[0]

listed, page = [], 1
while found := partner.list_customers(page=page)["customers"]:
    listed += found
    page += 1
assert [customer["id"] for customer in made] == [customer["id"] for customer in listed if customer in made]

one = made[0]["id"]
assert partner.get_customer(one) == made[0]
changed = partner.update_customer(one, name="Renamed", partner_billing_configuration=True)
assert changed["name"] == "Renamed" and changed["partner_billing_configuration"]["enabled"] is True, changed

for customer in made:
    try:
        partner.delete_customer(customer["id"])
    except requests.exceptions.JSONDecodeError:
        pass  # the client reads JSON out of every answer, and a 204 has no body
try:
    partner.get_customer(one)
    sys.exit("a deleted customer is still there")
except CloudHealthError as error:
    assert str(error).startswith("404"), error

statements = partner.list_statements(billing_period="2026-10")["billing_artifacts"]
assert [(s["currency"]["name"], s["status"]) for s in statements] == [("USD", "Estimated")], statements
print("cloudhealth-client: created, listed, read, changed and deleted 35 customers, read a statement")
