"""The client that openapi-python-client generates, in the package `tenantry_client`."""

import sys

from tenantry_client import AuthenticatedClient
from tenantry_client.api.billing import create_price_rule, list_price_rules, list_statements, show_statement
from tenantry_client.api.customers import (
    create_customer,
    delete_customer,
    list_customers,
    show_customer,
    update_customer,
)
from tenantry_client.models import (
    Address,
    CustomerChange,
    NewCustomer,
    NewPriceRule,
    PriceRule,
    RuleKind,
    StatementStatus,
)

base_url, key = sys.argv[1:]
client = AuthenticatedClient(base_url=base_url, token=key, raise_on_unexpected_status=True)

rule = create_price_rule.sync(
    client=client, body=NewPriceRule(name="Azure at a margin of 15 %", kind=RuleKind.MARGIN, percentage="15")
)
assert isinstance(rule, PriceRule) and rule.kind is RuleKind.MARGIN and rule.percentage == "15", rule
assert rule in list_price_rules.sync(client=client).price_rules

address = Address(street1="1 Main St", city="Springfield", state="MA", zipcode="01234", country="US")
made = {
    create_customer.sync(client=client, body=NewCustomer(name=f"Python {number}", address=address)).id
    for number in range(7)
}
walked, page = [], 1
while found := list_customers.sync(client=client, page=page, per_page=3).customers:
    walked += [customer.id for customer in found]
    page += 1
assert walked == sorted(set(walked)) and made <= set(walked), walked

for number in made:
    one = show_customer.sync(number, client=client)
    assert one.id == number and one.address.city == "Springfield", one
    changed = update_customer.sync(number, client=client, body=CustomerChange(name=f"{one.name}, changed"))
    assert changed.name == f"{one.name}, changed" and changed.address == one.address, changed
    assert delete_customer.sync_detailed(number, client=client).status_code == 204
    assert show_customer.sync_detailed(number, client=client).status_code == 404

(statement,) = list_statements.sync(client=client, billing_period="2026-10").billing_artifacts
assert statement.currency.name == "USD" and statement.status is StatementStatus.ESTIMATED, statement
assert show_statement.sync(statement.id, client=client) == statement
print(f"openapi-python-client: made a price rule, walked {len(walked)} customers, changed and deleted 7, read a statement")
