violation-address-or-tenant = or the address is missing: give the tenant ID if the tenant has an address in the Azure portal, and the address if not
